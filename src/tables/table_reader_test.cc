// Reading mutable tables on every database: whose rows, which columns, in which order, how many, and what
// happens meanwhile.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "tables/read_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Keys64 = std::vector<int64_t>;

Keys64 Range(int64_t first, int64_t last) {
  Keys64 keys(static_cast<size_t>(last - first + 1));
  std::iota(keys.begin(), keys.end(), first);
  return keys;
}

class TableReaderTest : public TableReadTest {
 protected:
  // A's table "numbers" with the keys 0 .. rows - 1.
  void MakeNumbers(int64_t rows) {
    Ok(As(kA).Create(Numbers()));
    Rows all;
    for (int64_t k = 0; k < rows; ++k) all.push_back(Number(k));
    Append(kA, "numbers", all);
  }
  // A global table in which A, B and nobody in particular have rows; some keys are used by several.
  void MakeShared() {
    Ok(As(kGlobal).Create(Numbers()));
    Append(kGlobal, "numbers",
           {Number(1, 10, 0, "global"), Number(2, 20, 0, "global"), Number(5, 50, 0, "global")});
    Append(kA, "numbers", {Number(2, 20, 1, "a"), Number(3, 30, 1, "a"), Number(5, 5, 1, "a")});
    Append(kB, "numbers", {Number(2, 20, 2, "b"), Number(9, 90, 2, "b")});
  }
  // All rows, page by page; as text "k t".
  std::vector<std::string> Paged(const Scope& scope, TableScan scan) {
    std::vector<std::string> rows;
    do {
      const TablePage page = Ok(As(scope).ReadPage("numbers", scan));
      const auto keys = Integers(page.rows);
      const auto& texts = static_cast<const arrow::StringArray&>(*page.rows->GetColumnByName("t"));
      for (size_t i = 0; i < keys.size(); ++i)
        rows.push_back(std::to_string(keys[i]) + " " + texts.GetString(static_cast<int64_t>(i)));
      EXPECT_LE(static_cast<int64_t>(keys.size()), scan.limit.value_or(kDefaultTablePageRows));
      scan.page_token = page.next_page_token;
    } while (!scan.page_token.empty());
    return rows;
  }
};

JAMMI_ON_EVERY_DATABASE(TableReaderTest);

TEST_P(TableReaderTest, Mut020AScanHandsOutBatchesOfTheColumnsThatAreAskedFor) {
  MakeNumbers(2500);
  std::vector<int64_t> sizes;
  int64_t next = 0;
  const auto end = Ok(As(kA).Scan(
      "numbers", {.columns = {"t", "k"}, .batch_rows = 1000}, [&](const BatchPtr& batch) -> Result<bool> {
        EXPECT_EQ(batch->schema()->ToString(), "t: string\nk: int64 not null");
        EXPECT_TRUE(batch->ValidateFull().ok());
        const auto& texts = static_cast<const arrow::StringArray&>(*batch->column(0));
        for (int64_t i = 0; i < batch->num_rows(); ++i) EXPECT_EQ(texts.GetString(i), std::to_string(next++));
        sizes.push_back(batch->num_rows());
        return true;
      }));
  EXPECT_THAT(sizes, ElementsAre(1000, 1000, 500));
  EXPECT_EQ(end.rows, 2500);
  EXPECT_EQ(end.next_page_token, "");
}

TEST_P(TableReaderTest, ABatchHasTheTablesChunkSizeUnlessItIsSaid) {
  TableDefinition numbers = Numbers();
  numbers.chunk_size = 7;
  Ok(As(kA).Create(numbers));
  Rows rows;
  for (int64_t k = 0; k < 15; ++k) rows.push_back(Number(k));
  Append(kA, "numbers", rows);
  std::vector<int64_t> sizes;
  Ok(As(kA).Scan("numbers", {}, [&](const BatchPtr& batch) -> Result<bool> {
    sizes.push_back(batch->num_rows());
    return true;
  }));
  EXPECT_THAT(sizes, ElementsAre(7, 7, 1));
}

TEST_P(TableReaderTest, ABatchEndsWhenItsBytesAreMany) {
  Ok(As(kA).Create(Numbers()));
  const std::string large(3 << 20, 'x');
  for (int64_t k = 0; k < 7; ++k) Append(kA, "numbers", {Number(k, k, k, large)});
  std::vector<int64_t> sizes;
  Ok(As(kA).Scan("numbers", {}, [&](const BatchPtr& batch) -> Result<bool> {
    sizes.push_back(batch->num_rows());
    return true;
  }));
  EXPECT_THAT(sizes, ElementsAre(3, 3, 1));
  const TablePage page = Ok(As(kA).ReadPage("numbers"));
  EXPECT_THAT(Integers(page.rows), ElementsAre(0, 1, 2));
  EXPECT_THAT(Integers(Ok(As(kA).ReadPage("numbers", {.page_token = page.next_page_token})).rows),
              ElementsAre(3, 4, 5));
}

TEST_P(TableReaderTest, RowsComeInTheOrderThatIsAskedFor) {
  MakeNumbers(9);  // o: 0 0 0 -1 -1 -1 -2 -2 -2
  EXPECT_EQ(Keys(kA, "numbers"), Range(0, 8));
  EXPECT_THAT(Keys(kA, "numbers", {.order = TableOrder::kKeyDescending}),
              ElementsAre(8, 7, 6, 5, 4, 3, 2, 1, 0));
  EXPECT_THAT(Keys(kA, "numbers", {.order = TableOrder::kOrderColumn}),
              ElementsAre(6, 7, 8, 3, 4, 5, 0, 1, 2));
  EXPECT_THAT(Keys(kA, "numbers", {.order = TableOrder::kOrderColumnDescending}),
              ElementsAre(2, 1, 0, 5, 4, 3, 8, 7, 6));
  EXPECT_THAT(Keys(kA, "numbers", {.order = TableOrder::kNone}),
              testing::UnorderedElementsAreArray(Range(0, 8)));
  // What the order needs need not be asked for.
  std::vector<std::string> texts;
  Ok(As(kA).Scan("numbers", {.columns = {"t"}, .order = TableOrder::kOrderColumn, .limit = 2},
                 [&](const BatchPtr& batch) -> Result<bool> {
                   EXPECT_EQ(batch->num_columns(), 1);
                   for (int64_t i = 0; i < batch->num_rows(); ++i)
                     texts.push_back(static_cast<const arrow::StringArray&>(*batch->column(0)).GetString(i));
                   return true;
                 }));
  EXPECT_THAT(texts, ElementsAre("6", "7"));
}

TEST_P(TableReaderTest, ALimitEndsTheScanAndSaysWhetherThereIsMore) {
  MakeNumbers(10);
  Keys64 keys;
  auto end = Ok(As(kA).Scan("numbers", {.limit = 4, .batch_rows = 3}, Collect(keys)));
  EXPECT_EQ(end.rows, 4);
  EXPECT_EQ(keys, Range(0, 3));
  EXPECT_NE(end.next_page_token, "");
  end = Ok(As(kA).Scan("numbers", {.limit = 6, .page_token = end.next_page_token}, Collect(keys)));
  EXPECT_EQ(keys, Range(0, 9));
  EXPECT_EQ(end.next_page_token, "") << "exactly the last row was reached";
  const auto unordered = Ok(As(kA).Scan("numbers", {.order = TableOrder::kNone, .limit = 4}, Collect(keys)));
  EXPECT_EQ(unordered.rows, 4);
  EXPECT_EQ(unordered.next_page_token, "");
}

TEST_P(TableReaderTest, WhoEndsAScanCanGoOn) {
  MakeNumbers(10);
  Keys64 keys;
  const auto twice = [&](const BatchPtr& batch) -> Result<bool> {
    Ok(Collect(keys)(batch));
    return keys.size() < 4;
  };
  const auto end = Ok(As(kA).Scan("numbers", {.batch_rows = 2}, twice));
  EXPECT_EQ(keys, Range(0, 3));
  EXPECT_EQ(end.rows, 4);
  Ok(As(kA).Scan("numbers", {.page_token = end.next_page_token}, Collect(keys)));
  EXPECT_EQ(keys, Range(0, 9));
}

TEST_P(TableReaderTest, PagesInEveryOrderMakeUpTheWhole) {
  MakeShared();
  MakeNumbers(0);  // A has one of its own now, which hides the global one
  Ok(As(kA).Drop("numbers"));
  const auto own = TableFilter::NotEqual("v", 0);
  for (const TableOrder order : {TableOrder::kKey, TableOrder::kKeyDescending, TableOrder::kOrderColumn,
                                 TableOrder::kOrderColumnDescending}) {
    std::vector<std::string> expected = {"1 global", "2 a", "2 global", "3 a", "5 a", "5 global"};
    if (order == TableOrder::kOrderColumn || order == TableOrder::kOrderColumnDescending)
      expected = {"5 a", "1 global", "2 a", "2 global", "3 a", "5 global"};
    if (order == TableOrder::kKeyDescending || order == TableOrder::kOrderColumnDescending)
      std::ranges::reverse(expected);
    for (int64_t limit = 1; limit <= 7; ++limit) {
      SCOPED_TRACE(testing::Message() << static_cast<int>(order) << " limit " << limit);
      EXPECT_EQ(Paged(kA, {.order = order, .limit = limit}), expected);
    }
  }
  EXPECT_THAT(Paged(kA, {.filter = own, .limit = 1}), ElementsAre("2 a", "3 a", "5 a"));
}

TEST_P(TableReaderTest, Mut022ATenantSeesItsOwnRowsAndTheGlobalOnes) {
  MakeShared();
  EXPECT_EQ(Paged(kGlobal, {}), (std::vector<std::string>{"1 global", "2 global", "5 global"}));
  EXPECT_EQ(Paged(kB, {}), (std::vector<std::string>{"1 global", "2 b", "2 global", "5 global", "9 b"}));
  EXPECT_EQ(Paged(kOutsider, {}), (std::vector<std::string>{"1 global", "2 global", "5 global"}));
  EXPECT_EQ(Ok(As(kA).CountRows("numbers")), 6);
  EXPECT_EQ(Ok(As(kB).CountRows("numbers")), 5);
  EXPECT_EQ(Ok(As(kGlobal).CountRows("numbers")), 3);
  EXPECT_EQ(Ok(As(kA).CountRows("numbers", TableFilter::Equal("v", 2))), 0) << "B's rows";
  EXPECT_THAT(Keys(kA, "numbers", {.order = TableOrder::kNone}),
              testing::UnorderedElementsAre(1, 2, 2, 3, 5, 5));
}

TEST_P(TableReaderTest, Mut021TheScopeIsNoColumn) {
  MakeShared();
  for (const std::string column : {"s", "g", "tenant_id", "c0", "K"}) {
    const auto refused = As(kA).ReadPage("numbers", {.columns = {column}});
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, TableFault::kSchema);
    ASSERT_NE(detail, nullptr) << column;
    EXPECT_EQ(detail->column, column);
  }
  EXPECT_EQ(CodeOf(As(kA).ReadPage("numbers", {.columns = {"k", "t", "k"}})), ErrorCode::kInvalidArgument);
}

TEST_P(TableReaderTest, AnothersTableIsNotThere) {
  MakeNumbers(3);
  const auto count = [](const BatchPtr&) -> Result<bool> { return true; };
  for (const Scope& scope : {kB, kGlobal}) {
    Tables tables = As(scope);
    EXPECT_NE(Refusal(tables.Scan("numbers", {}, count), ErrorCode::kNotFound, TableFault::kNotFound),
              nullptr);
    EXPECT_NE(Refusal(tables.Replay("numbers", 0, {}, count), ErrorCode::kNotFound, TableFault::kNotFound),
              nullptr);
    EXPECT_NE(Refusal(tables.ReadPage("numbers"), ErrorCode::kNotFound, TableFault::kNotFound), nullptr);
    EXPECT_NE(Refusal(tables.GetRow("numbers", {1}), ErrorCode::kNotFound, TableFault::kNotFound), nullptr);
    EXPECT_NE(Refusal(tables.CountRows("numbers"), ErrorCode::kNotFound, TableFault::kNotFound), nullptr);
  }
}

TEST_P(TableReaderTest, APageTokenIsGoodForItsTableOrderAndFilterOnly) {
  MakeNumbers(10);
  Ok(As(kA).Create(Numbers("others")));
  const auto filter = TableFilter::AtLeast("k", 1);
  const TableScan scan{.filter = filter, .limit = 2};
  const std::string token = Ok(As(kA).ReadPage("numbers", scan)).next_page_token;
  const auto with = [&](TableScan other, std::string_view id = "numbers") {
    if (other.page_token.empty()) other.page_token = token;
    return CodeOf(As(kA).ReadPage(id, other));
  };
  EXPECT_EQ(with(scan), std::nullopt);
  EXPECT_EQ(with({.columns = {"t"}, .filter = filter, .limit = 9}), std::nullopt);
  EXPECT_EQ(with(scan, "others"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(with({.filter = TableFilter::AtLeast("k", 2)}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(with({.filter = TableFilter::Greater("k", 1)}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(with({}), ErrorCode::kInvalidArgument);
  for (const TableOrder order : {TableOrder::kNone, TableOrder::kKeyDescending, TableOrder::kOrderColumn})
    EXPECT_EQ(with({.filter = filter, .order = order}), ErrorCode::kInvalidArgument);
  for (size_t i = 0; i < token.size(); ++i) {
    std::string altered = token;
    altered[i] = altered[i] == '1' ? '2' : '1';
    EXPECT_EQ(with({.filter = filter, .page_token = altered}), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(with({.filter = filter, .page_token = token.substr(2)}), ErrorCode::kInvalidArgument);
  // The table of that name is another one now.
  Ok(As(kA).Drop("numbers"));
  Ok(As(kA).Create(Numbers()));
  EXPECT_EQ(with(scan), ErrorCode::kInvalidArgument);
}

TEST_P(TableReaderTest, LimitsAndBatchSizesAreChecked) {
  MakeNumbers(1);
  for (const int64_t limit : {0, -1})
    EXPECT_EQ(CodeOf(As(kA).ReadPage("numbers", {.limit = limit})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Keys(kA, "numbers", {.limit = std::numeric_limits<int64_t>::max()}), Range(0, 0));
  Keys64 keys;
  for (const int64_t batch_rows : {int64_t{-1}, (int64_t{1} << 20) + 1}) {
    EXPECT_EQ(CodeOf(As(kA).Scan("numbers", {.batch_rows = batch_rows}, Collect(keys))),
              ErrorCode::kInvalidArgument);
  }
}

TEST_P(TableReaderTest, AnEmptyTableHasNoRows) {
  MakeNumbers(0);
  int calls = 0;
  const auto end = Ok(As(kA).Scan("numbers", {}, [&](const BatchPtr&) -> Result<bool> {
    ++calls;
    return true;
  }));
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(end.rows, 0);
  const TablePage page = Ok(As(kA).ReadPage("numbers", {.columns = {"t"}}));
  EXPECT_EQ(page.rows->num_rows(), 0);
  EXPECT_EQ(page.rows->schema()->ToString(), "t: string");
  EXPECT_EQ(page.next_page_token, "");
  EXPECT_EQ(Ok(As(kA).CountRows("numbers")), 0);
}

TEST_P(TableReaderTest, Mut024AScanIsOfOneMoment) {
  MakeNumbers(3000);
  bool written = false;
  Keys64 keys;
  Ok(As(kA).Scan("numbers", {.batch_rows = 100}, [&](const BatchPtr& batch) -> Result<bool> {
    if (!std::exchange(written, true)) {
      // In front of the cursor and behind it, from another thread.
      std::thread([&] { Append(kA, "numbers", {Number(-5), Number(5000)}); }).join();
    }
    return Collect(keys)(batch);
  }));
  EXPECT_EQ(keys, Range(0, 2999));
  EXPECT_EQ(Ok(As(kA).CountRows("numbers")), 3002);
}

TEST_P(TableReaderTest, TheEngineIsNotCalledFromInsideAScan) {
  MakeNumbers(3);
  std::optional<ErrorCode> inside;
  Ok(As(kA).Scan("numbers", {}, [&](const BatchPtr&) -> Result<bool> {
    inside = CodeOf(As(kA).CountRows("numbers"));
    return true;
  }));
  EXPECT_EQ(inside, ErrorCode::kInvalidState);
}

TEST_P(TableReaderTest, TheCallersErrorEndsTheScanAndIsReturned) {
  MakeNumbers(10);
  int calls = 0;
  const auto ended = As(kA).Scan("numbers", {.batch_rows = 2}, [&](const BatchPtr&) -> Result<bool> {
    if (++calls == 2) return Error(ErrorCode::kCancelled, "enough");
    return true;
  });
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(CodeOf(ended), ErrorCode::kCancelled);
  EXPECT_EQ(ended.error().message(), "enough");
  EXPECT_EQ(Keys(kA, "numbers"), Range(0, 9)) << "the connection is as good as before";
}

// The database rolls a transaction back and it is run again: not one that somebody has seen a part of.
TEST_P(TableReaderTest, NoBatchIsHandedOutTwice) {
  MakeNumbers(10'000);
  if (backend().kind() != BackendKind::kPostgres) return;  // an SQLite file cannot be lost so
  int64_t rows = 0;
  const auto ended = As(kA).Scan("numbers", {.batch_rows = 50}, [&](const BatchPtr& batch) -> Result<bool> {
    if (std::exchange(rows, rows + batch->num_rows()) == 0) {
      std::thread([&] {
        Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND "
            "pid <> pg_backend_pid() AND query LIKE 'FETCH%'");
      }).join();
    }
    return true;
  });
  EXPECT_EQ(CodeOf(ended), ErrorCode::kUnavailable);
  EXPECT_LT(rows, 10'000);
  EXPECT_EQ(Keys(kA, "numbers"), Range(0, 9'999));
}

TEST_P(TableReaderTest, GetRowFindsOneByItsKey) {
  MakeNumbers(20);
  EXPECT_TRUE(SameRows(Ok(As(kA).GetRow("numbers", {7})), MakeBatch(Numbers().schema, {Number(7)})));
  EXPECT_EQ(Ok(As(kA).GetRow("numbers", {99}))->num_rows(), 0);
  const auto text = Ok(As(kA).GetRow("numbers", {7}, {"t"}));
  EXPECT_EQ(text->schema()->ToString(), "t: string");
  EXPECT_EQ(CodeOf(As(kA).GetRow("numbers", {})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).GetRow("numbers", {7, 7})), ErrorCode::kInvalidArgument);
  EXPECT_NE(Refusal(As(kA).GetRow("numbers", {"7"}), ErrorCode::kInvalidArgument, TableFault::kInvalidValue),
            nullptr);
  EXPECT_NE(Refusal(As(kA).GetRow("numbers", {7}, {"x"}), ErrorCode::kInvalidArgument, TableFault::kSchema),
            nullptr);
}

// What an id meant last is tried first. It may mean another table by now, of other columns, of another owner,
// or none: another store on the same database does not tell this one.
TEST_P(TableReaderTest, GetRowNoticesThatItsTableIsAnother) {
  const auto text_of = [&](int64_t key) {
    const auto row = Ok(As(kA).GetRow("numbers", {key}));
    return row->num_rows() == 0 ? "none" : row->GetColumnByName("t")->GetScalar(0).ValueOrDie()->ToString();
  };
  TableStore elsewhere(backend());
  const auto put = [&](const Scope& scope, const TableDefinition& definition,
                       const arrow::ScalarVector& row) {
    Ok(elsewhere.Create(scope, definition));
    const auto rows = MakeBatch(definition.schema, {row});
    Ok(elsewhere.Append(scope, "numbers", {&rows, 1}));
  };
  put(kGlobal, Numbers(), Number(1, 1, 1, "unseen"));
  const auto rows = MakeBatch(Numbers().schema, {Number(1, 1, 1, "mine in the global one")});
  Ok(elsewhere.Append(kA, "numbers", {&rows, 1}));
  EXPECT_EQ(text_of(1), "mine in the global one");
  put(kA, Numbers(), Number(1, 1, 1, "own"));
  EXPECT_EQ(text_of(1), "own");
  EXPECT_EQ(text_of(1), "own");
  EXPECT_EQ(text_of(2), "none");
  Ok(elsewhere.Drop(kA, "numbers"));
  EXPECT_EQ(text_of(1), "mine in the global one");
  TableDefinition others = Numbers();
  others.schema =
      arrow::schema({arrow::field("t", arrow::utf8()), arrow::field("id", arrow::int64(), false)});
  others.primary_key = {"id"};
  others.indexes = {};
  others.order_column = std::nullopt;
  put(kA, others, {arrow::MakeScalar("of other columns"), arrow::MakeScalar(int64_t{1})});
  EXPECT_EQ(text_of(1), "of other columns");
  others.schema = arrow::schema({arrow::field("t", arrow::utf8()), arrow::field("id", arrow::utf8(), false)});
  Ok(elsewhere.Drop(kA, "numbers"));
  put(kA, others, {arrow::MakeScalar("of another key"), arrow::MakeScalar("x")});
  EXPECT_EQ(Ok(As(kA).GetRow("numbers", {"x"}))->num_rows(), 1);
  Ok(elsewhere.Drop(kA, "numbers"));
  Ok(elsewhere.Drop(kGlobal, "numbers"));
  EXPECT_NE(Refusal(As(kA).GetRow("numbers", {1}), ErrorCode::kNotFound, TableFault::kNotFound), nullptr);
}

TEST_P(TableReaderTest, GetRowPrefersTheScopesOwnRow) {
  MakeShared();
  const auto owner = [&](const Scope& scope, int64_t key) {
    const auto row = Ok(As(scope).GetRow("numbers", {key}, {"t"}));
    return row->num_rows() == 0 ? "none"
                                : static_cast<const arrow::StringArray&>(*row->column(0)).GetString(0);
  };
  EXPECT_EQ(owner(kA, 2), "a");
  EXPECT_EQ(owner(kA, 1), "global");
  EXPECT_EQ(owner(kA, 9), "none");
  EXPECT_EQ(owner(kB, 2), "b");
  EXPECT_EQ(owner(kGlobal, 2), "global");
}

TEST_P(TableReaderTest, AKeyMayHaveSeveralColumnsOfSeveralTypes) {
  const auto schema =
      arrow::schema({arrow::field("name", arrow::utf8(), false), arrow::field("part", arrow::uint64(), false),
                     arrow::field("ratio", arrow::float64(), false)});
  Ok(As(kA).Create({.id = "parts", .schema = schema, .primary_key = {"part", "name", "ratio"}}));
  const auto row = [](const std::string& name, uint64_t part, double ratio) -> arrow::ScalarVector {
    return {arrow::MakeScalar(name), arrow::MakeScalar(part), arrow::MakeScalar(ratio)};
  };
  const uint64_t large = (uint64_t{1} << 63) + 7;
  const Rows ordered = {row("b", 0, 1),     row("", 1, -0.0),    row("", 1, 0.0),
                        row("Z", large, 2), row("a", large, -1), row("a", large, std::nan("")),
                        row("é", large, -5)};
  Rows shuffled(ordered.rbegin(), ordered.rend());
  Append(kA, "parts", shuffled);
  for (int64_t limit = 1; limit <= 8; ++limit) {
    std::vector<BatchPtr> pages;
    TableScan scan{.limit = limit};
    do {
      TablePage page = Ok(As(kA).ReadPage("parts", scan));
      pages.push_back(page.rows);
      scan.page_token = page.next_page_token;
    } while (!scan.page_token.empty());
    const auto all = arrow::Table::FromRecordBatches(pages).ValueOrDie()->CombineChunksToBatch().ValueOrDie();
    EXPECT_TRUE(SameRows(all, MakeBatch(schema, ordered))) << limit;
  }
  EXPECT_EQ(Ok(As(kA).GetRow("parts", {large, "a", std::nan("")}))->num_rows(), 1);
  EXPECT_EQ(Ok(As(kA).GetRow("parts", {large, "a", 0.0}))->num_rows(), 0);
  EXPECT_TRUE(SameRows(Ok(As(kA).GetRow("parts", {1, "", -0.0})), MakeBatch(schema, {row("", 1, -0.0)})));
}

// The reference's case: replay after 150 of 100, 200, 300.
TEST_P(TableReaderTest, Mut062ReplayGivesWhatComesAfterAnOrderValue) {
  Ok(As(kA).Create(Numbers()));
  Append(kA, "numbers",
         {Number(1, 300, 0, ""), Number(2, 100, 0, ""), Number(3, 200, 0, ""), Number(4, 200, 0, "")});
  Keys64 keys;
  auto end = Ok(As(kA).Replay("numbers", 150, {}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(3, 4, 1));
  keys.clear();
  end = Ok(As(kA).Replay("numbers", 150, {.limit = 1}, Collect(keys)));
  while (!end.next_page_token.empty())
    end = Ok(As(kA).Replay("numbers", 150, {.limit = 1, .page_token = end.next_page_token}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(3, 4, 1)) << "rows of one order value, across pages";
  keys.clear();
  Ok(As(kA).Replay("numbers", 300, {}, Collect(keys)));
  EXPECT_THAT(keys, IsEmpty());
  Ok(As(kA).Replay("numbers", -1, {.filter = TableFilter::Less("k", 3)}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(2, 1));
}

TEST_P(TableReaderTest, Mut062ReplaySeesWhatItsScopeSees) {
  MakeShared();
  Keys64 keys;
  Ok(As(kA).Replay("numbers", 10, {}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(2, 2, 3, 5));
  keys.clear();
  Ok(As(kGlobal).Replay("numbers", 10, {}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(2, 5));
}

TEST_P(TableReaderTest, Mut062ReplayNeedsAnOrderColumn) {
  TableDefinition numbers = Numbers();
  numbers.order_column.reset();
  Ok(As(kA).Create(numbers));
  Keys64 keys;
  EXPECT_NE(Refusal(As(kA).Replay("numbers", 0, {}, Collect(keys)), ErrorCode::kInvalidArgument,
                    TableFault::kNoOrderColumn),
            nullptr);
  EXPECT_NE(Refusal(As(kA).ReadPage("numbers", {.order = TableOrder::kOrderColumnDescending}),
                    ErrorCode::kInvalidArgument, TableFault::kNoOrderColumn),
            nullptr);
}

TEST_P(TableReaderTest, Mut062AnUnsignedOrderColumnReachesItsEnd) {
  const auto schema =
      arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("seq", arrow::uint64(), false)});
  Ok(As(kA).Create({.id = "log", .schema = schema, .primary_key = {"k"}, .order_column = "seq"}));
  const uint64_t most = std::numeric_limits<uint64_t>::max();
  const auto row = [](int64_t k, uint64_t seq) -> arrow::ScalarVector {
    return {arrow::MakeScalar(k), arrow::MakeScalar(seq)};
  };
  Append(kA, "log", {row(1, most), row(2, 0), row(3, uint64_t{1} << 63), row(4, (uint64_t{1} << 63) - 1)});
  Keys64 keys;
  Ok(As(kA).Replay("log", uint64_t{0}, {}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(4, 3, 1));
  keys.clear();
  Ok(As(kA).Replay("log", most - 1, {}, Collect(keys)));
  EXPECT_THAT(keys, ElementsAre(1));
  EXPECT_NE(Refusal(As(kA).Replay("log", -1, {}, Collect(keys)), ErrorCode::kInvalidArgument,
                    TableFault::kInvalidValue),
            nullptr);
}

// Cases of the reference's tests, through the table API.
TEST_P(TableReaderTest, ReferenceCasesOfReading) {
  const auto schema = arrow::schema({arrow::field("id", arrow::int64(), false),
                                     arrow::field("x", arrow::float64()), arrow::field("b", arrow::binary()),
                                     arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO))});
  Ok(As(kA).Create({.id = "cases", .schema = schema, .primary_key = {"id"}}));
  EXPECT_EQ(Ok(As(kA).ReadPage("cases", {.limit = 1})).rows->num_rows(), 0);
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<char>(i));
  const auto binary = [](const std::string& of) {
    return std::make_shared<arrow::BinaryScalar>(arrow::Buffer::FromString(of));
  };
  const auto time = std::make_shared<arrow::TimestampScalar>(1'700'000'000'123'456, schema->field(3)->type());
  const Rows rows = {{arrow::MakeScalar(int64_t{1}), arrow::MakeNullScalar(arrow::float64()),
                      binary(std::string("\0\xff\xc3(", 4)), time},
                     {arrow::MakeScalar(int64_t{42}), arrow::MakeScalar(3.75), binary(bytes),
                      arrow::MakeNullScalar(schema->field(3)->type())}};
  Append(kA, "cases", rows);
  Reopen();
  EXPECT_TRUE(SameRows(Ok(As(kA).ReadPage("cases")).rows, MakeBatch(schema, rows)));
}

}  // namespace
}  // namespace jammi::test
