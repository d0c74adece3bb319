// Upsert, update and delete, by key and by filter: counts, conflicts, bad input, and whose rows they touch.
#include <fmt/format.h>

#include <thread>

#include "support/random.h"
#include "tables/table_fixture.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using enum TableFault;

class TableWritesTest : public TableTest {
 protected:
  static std::shared_ptr<arrow::Schema> Schema() {
    return arrow::schema({arrow::field("region", arrow::utf8(), false),
                          arrow::field("id", arrow::int64(), false), arrow::field("name", arrow::utf8()),
                          arrow::field("price", arrow::float64())});
  }
  static TableDefinition Items() {
    return {.id = "items",
            .schema = Schema(),
            .primary_key = {"region", "id"},
            .indexes = {{"names", {"name"}, true}}};
  }
  static std::shared_ptr<arrow::RecordBatch> Rows(const std::string& json) {
    return BatchFromJson(Schema(), json);
  }
  // Columns of the table, chosen by name.
  static std::shared_ptr<arrow::RecordBatch> Some(const std::vector<std::string>& names,
                                                  const std::string& json) {
    arrow::FieldVector fields;
    for (const auto& name : names) fields.push_back(Schema()->GetFieldByName(name));
    return BatchFromJson(arrow::schema(fields), json);
  }
  void ExpectRows(const Scope& scope, const std::string& json) {
    const auto stored = StoredRows(scope, "items");
    EXPECT_TRUE(stored->Equals(*Rows(json))) << stored->ToString();
  }
  static Tables::Batches One(const std::shared_ptr<arrow::RecordBatch>& batch) { return {&batch, 1}; }
};
JAMMI_ON_EVERY_DATABASE(TableWritesTest);

TEST_P(TableWritesTest, UpsertWritesOverWhatIsThere) {
  Ok(As(kA).Create(Items()));
  const auto first = Rows(R"([["eu", 1, "a", 1.5], ["eu", 2, "b", null]])");
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(first))), 2);
  const auto second = Rows(R"([["eu", 2, null, 2.5], ["us", 1, "c", 3], ["us", 1, "d", 4]])");
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(second))), 3);
  ExpectRows(kA, R"([["eu", 1, "a", 1.5], ["eu", 2, null, 2.5], ["us", 1, "d", 4]])");
  const auto third = Rows(R"([["eu", 1, "z", 9], ["us", 2, "e", 5], ["us", 2, "f", 6]])");
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(third), UpsertMode::kIgnore)), 1);
  ExpectRows(kA, R"([["eu", 1, "a", 1.5], ["eu", 2, null, 2.5], ["us", 1, "d", 4], ["us", 2, "e", 5]])");
  // Another unique index is no key.
  const auto fourth = Rows(R"([["eu", 9, "a", 1]])");
  for (const auto mode : {UpsertMode::kUpdate, UpsertMode::kIgnore}) {
    EXPECT_NE(Refusal(As(kA).Upsert("items", One(fourth), mode), ErrorCode::kAlreadyExists, kDuplicateKey),
              nullptr);
  }
}

// Once a row that a later one of its key takes the place of collided on SQLite, and on PostgreSQL only where
// the two were far apart.
TEST_P(TableWritesTest, OfRowsThatShareAKeyOneCounts) {
  Ok(As(kA).Create(Items()));
  Ok(As(kA).Append("items", Rows(R"([["eu", 1, "a", 1]])")));
  const auto twice = Rows(R"([["eu", 2, "a", 0], ["eu", 3, "c", 3], ["eu", 2, "b", 2]])");
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(twice))), 3);
  ExpectRows(kA, R"([["eu", 1, "a", 1], ["eu", 2, "b", 2], ["eu", 3, "c", 3]])");
  const auto absent = Rows(R"([["eu", 4, "d", 4], ["eu", 4, "a", 0]])");
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(absent), UpsertMode::kIgnore)), 1);
  const std::vector<std::shared_ptr<arrow::RecordBatch>> changes = {
      Some({"region", "id", "name"}, R"([["eu", 4, "a"], ["eu", 3, "x"]])"),
      Some({"region", "id", "name"}, R"([["eu", 4, "y"]])")};
  EXPECT_EQ(Ok(As(kA).Update("items", changes)), 2);
  ExpectRows(kA, R"([["eu", 1, "a", 1], ["eu", 2, "b", 2], ["eu", 3, "x", 3], ["eu", 4, "y", 4]])");
}

TEST_P(TableWritesTest, ADuplicateSaysWhichIndexItIsIn) {
  Ok(As(kA).Create(Items()));
  Ok(As(kA).Append("items", Rows(R"([["eu", 1, "a", 1], ["eu", 2, "b", 2]])")));
  const auto index_of = [](const Result<int64_t>& refused) {
    const auto* detail = Refusal(refused, ErrorCode::kAlreadyExists, kDuplicateKey);
    return detail == nullptr ? "no refusal" : detail->column;
  };
  EXPECT_EQ(index_of(As(kA).Append("items", Rows(R"([["eu", 1, "z", 0]])"))), "");
  EXPECT_EQ(index_of(As(kA).Append("items", Rows(R"([["eu", 9, "a", 0]])"))), "names");
  const auto row = Rows(R"([["eu", 9, "a", 0]])");
  EXPECT_EQ(index_of(As(kA).Upsert("items", One(row))), "names");
  EXPECT_EQ(index_of(As(kA).UpdateWhere("items", TableFilter::Equal("id", 1), Some({"name"}, R"([["b"]])"))),
            "names");
}

// Rows are changed in their order: what one gives up the next may take.
TEST_P(TableWritesTest, UpdatesMoveUniqueValuesOneAfterTheOther) {
  Ok(As(kA).Create(Items()));
  Ok(As(kA).Append("items", Rows(R"([["eu", 1, "a", 1], ["eu", 2, "b", 2], ["eu", 3, "c", 3]])")));
  const std::vector<std::string> columns = {"region", "id", "name"};
  const auto up = Some(columns, R"([["eu", 3, "d"], ["eu", 2, "c"], ["eu", 1, "b"]])");
  EXPECT_EQ(Ok(As(kA).Update("items", One(up))), 3);
  ExpectRows(kA, R"([["eu", 1, "b", 1], ["eu", 2, "c", 2], ["eu", 3, "d", 3]])");
  const auto wrong = Some(columns, R"([["eu", 1, "c"], ["eu", 2, "d"], ["eu", 3, "e"]])");
  EXPECT_NE(Refusal(As(kA).Update("items", One(wrong)), ErrorCode::kAlreadyExists, kDuplicateKey), nullptr);
  ExpectRows(kA, R"([["eu", 1, "b", 1], ["eu", 2, "c", 2], ["eu", 3, "d", 3]])");
}

// PostgreSQL joins the table with the new values as it sees fit. Here it is left no way but to go through the
// table, and of two rows the one that comes first there would take what the other has not given up.
TEST_P(TableWritesTest, UpdatesKeepTheirOrderWhateverThePlan) {
  if (backend().kind() == BackendKind::kPostgres) {
    for (const std::string_view join : {"enable_nestloop", "enable_mergejoin"}) {
      Sql(fmt::format(
          "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {} = off', current_database()); END $$", join));
    }
    Reopen();
  }
  Ok(As(kA).Create(Items()));
  std::string rows;
  for (int id = 1; id <= 1000; ++id)
    rows += fmt::format(R"({}["eu", {}, "n{}", null])", id == 1 ? "[" : ", ", id, id);
  Ok(As(kA).Append("items", Rows(rows + "]")));
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  std::string up;
  for (int id = 1000; id > 990; --id)
    up += fmt::format(R"({}["eu", {}, "n{}"])", id == 1000 ? "[" : ", ", id, id + 1);
  EXPECT_EQ(Ok(As(kA).Update("items", One(Some({"region", "id", "name"}, up + "]")))), 10);
}

// Of a whole row it is known before how much an index holds; an update of one column of two shows only in the
// database.
TEST_P(TableWritesTest, AnUpdateThatMakesAnIndexedRowTooLongIsRefusedByName) {
  TableDefinition pairs = Items();
  pairs.schema = arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("a", arrow::utf8()),
                                arrow::field("b", arrow::utf8())});
  pairs.primary_key = {"id"};
  pairs.indexes = {{"alone", {"b"}}, {"pair", {"a", "b"}}};
  Ok(As(kA).Create(pairs));
  Random random(7);
  std::string text(1900, ' ');
  for (char& c : text) c = static_cast<char>('#' + random.Below(50));  // not to be compressed, nor escaped
  Ok(As(kA).Append("items", BatchFromJson(pairs.schema, fmt::format(R"([[1, "{}", null]])", text))));
  const auto fields = pairs.schema->fields();
  const auto by_key =
      BatchFromJson(arrow::schema({fields[0], fields[2]}), fmt::format(R"([[1, "{}"]])", text));
  const auto by_filter = BatchFromJson(arrow::schema({fields[2]}), fmt::format(R"([["{}"]])", text));
  for (const auto& changed : {As(kA).Update("items", One(by_key)),
                              As(kA).UpdateWhere("items", TableFilter::Equal("id", 1), by_filter)}) {
    if (backend().kind() == BackendKind::kSqlite) {
      EXPECT_EQ(Ok(changed), 1);  // it has no such limit
      continue;
    }
    const auto* refusal = Refusal(changed, ErrorCode::kInvalidArgument, kInvalidValue);
    ASSERT_NE(refusal, nullptr) << changed.error().ToString();
    EXPECT_EQ(refusal->table, "items");
    EXPECT_EQ(refusal->column, "pair");
    EXPECT_TRUE(StoredRows(kA, "items")->column(2)->IsNull(0));
  }
}

TEST_P(TableWritesTest, ATableOfKeysAloneCanBeUpserted) {
  const auto schema = arrow::schema({arrow::field("k", arrow::int64(), false)});
  Ok(As(kA).Create({.id = "keys", .schema = schema, .primary_key = {"k"}}));
  const auto rows = BatchFromJson(schema, "[[1], [2], [1]]");
  EXPECT_EQ(Ok(As(kA).Upsert("keys", One(rows))), 3);
  EXPECT_EQ(StoredRows(kA, "keys")->num_rows(), 2);
}

TEST_P(TableWritesTest, UpdateByKeyChangesWhatIsThere) {
  Ok(As(kA).Create(Items()));
  Ok(As(kA).Append("items", Rows(R"([["eu", 1, "a", 1], ["eu", 2, "b", 2], ["us", 1, "c", 3]])")));
  const auto changes = Some({"price", "id", "region"}, R"([[7, 1, "eu"], [null, 1, "us"], [8, 9, "eu"]])");
  EXPECT_EQ(Ok(As(kA).Update("items", One(changes))), 2);
  ExpectRows(kA, R"([["eu", 1, "a", 7], ["eu", 2, "b", 2], ["us", 1, "c", null]])");
  for (const auto& [columns, row, column] :
       {std::tuple(std::vector<std::string>{"region", "price"}, R"(["eu", 1])", "id"),
        std::tuple(std::vector<std::string>{"region", "id"}, R"(["eu", 1])", "")}) {
    const auto batch = Some(columns, fmt::format("[{}]", row));
    const auto refused = As(kA).Update("items", One(batch));
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, kSchema);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->column, column);
  }
  const auto twice = Some({"region", "id", "name"}, R"([["eu", 1, "b"]])");
  EXPECT_NE(Refusal(As(kA).Update("items", One(twice)), ErrorCode::kAlreadyExists, kDuplicateKey), nullptr);
  ExpectRows(kA, R"([["eu", 1, "a", 7], ["eu", 2, "b", 2], ["us", 1, "c", null]])");
}

TEST_P(TableWritesTest, DeleteByKeyCountsWhatWasThere) {
  Ok(As(kA).Create(Items()));
  Ok(As(kA).Append("items", Rows(R"([["eu", 1, "a", 1], ["eu", 2, "b", 2], ["us", 1, "c", 3]])")));
  const auto keys = Some({"region", "id"}, R"([["eu", 1], ["us", 2], ["us", 1], ["us", 1]])");
  EXPECT_EQ(Ok(As(kA).Delete("items", One(keys))), 2);
  ExpectRows(kA, R"([["eu", 2, "b", 2]])");
  for (const auto& columns :
       {std::vector<std::string>{"id", "region"}, {"region"}, {"region", "id", "name"}}) {
    EXPECT_NE(Refusal(As(kA).Delete("items", One(Some(columns, "[]"))), ErrorCode::kInvalidArgument, kSchema),
              nullptr);
  }
}

TEST_P(TableWritesTest, FiltersSayWhichRowsAreChangedOrDeleted) {
  Ok(As(kA).Create(Items()));
  Ok(As(kA).Append("items", Rows(R"([["eu", 1, "a", 1], ["eu", 2, "b", null], ["us", 1, "c", 3]])")));
  const auto cheap = TableFilter::Less("price", 2.0);
  EXPECT_EQ(
      Ok(As(kA).UpdateWhere("items", cheap || TableFilter::IsNull("price"), Some({"price"}, "[[9.5]]"))), 2);
  ExpectRows(kA, R"([["eu", 1, "a", 9.5], ["eu", 2, "b", 9.5], ["us", 1, "c", 3]])");
  EXPECT_EQ(Ok(As(kA).UpdateWhere("items", {}, Some({"price"}, "[[null]]"))), 3);
  EXPECT_EQ(
      Ok(As(kA).DeleteWhere("items", TableFilter::Equal("region", "eu") && TableFilter::Greater("id", 1))),
      1);
  ExpectRows(kA, R"([["eu", 1, "a", null], ["us", 1, "c", null]])");
  // Two rows cannot have one name.
  EXPECT_NE(Refusal(As(kA).UpdateWhere("items", {}, Some({"name"}, R"([["x"]])")), ErrorCode::kAlreadyExists,
                    kDuplicateKey),
            nullptr);
  EXPECT_NE(
      Refusal(As(kA).UpdateWhere("items", {}, Some({"id"}, "[[1]]")), ErrorCode::kInvalidArgument, kSchema),
      nullptr);
  EXPECT_NE(Refusal(As(kA).UpdateWhere("items", {}, Some({"price"}, "[[1], [2]]")),
                    ErrorCode::kInvalidArgument, kSchema),
            nullptr);
  EXPECT_EQ(CodeOf(As(kA).DeleteWhere("items", TableFilter::Equal("nothing", 1))),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(Ok(As(kA).Truncate("items")), 2);
  EXPECT_EQ(Ok(As(kA).Truncate("items")), 0);
}

// Rules 2.10 and weakness 2: nobody changes what is another's or global.
TEST_P(TableWritesTest, InAGlobalTableEveryoneChangesHisOwnRowsAlone) {
  Ok(As(kGlobal).Create(Items()));
  const std::string all = R"([["eu", 1, "a", 1], ["eu", 2, "b", 2]])";
  for (const Scope& scope : {kGlobal, kB}) Ok(As(scope).Append("items", Rows(all)));
  const auto keys = Some({"region", "id"}, R"([["eu", 1], ["eu", 2]])");
  const auto prices = Some({"region", "id", "price"}, R"([["eu", 1, 0], ["eu", 2, 0]])");
  // He has no row there.
  EXPECT_EQ(Ok(As(kA).Update("items", One(prices))), 0);
  EXPECT_EQ(Ok(As(kA).UpdateWhere("items", {}, Some({"price"}, "[[0]]"))), 0);
  EXPECT_EQ(Ok(As(kA).Delete("items", One(keys))), 0);
  EXPECT_EQ(Ok(As(kA).DeleteWhere("items", TableFilter::Equal("region", "eu"))), 0);
  EXPECT_EQ(Ok(As(kA).Truncate("items")), 0);
  const auto mine = Rows(R"([["eu", 1, "a", 5]])");
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(mine), UpsertMode::kIgnore)), 1);
  EXPECT_EQ(Ok(As(kA).Upsert("items", One(mine))), 1);
  EXPECT_EQ(Ok(As(kA).UpdateWhere("items", {}, Some({"price"}, "[[6]]"))), 1);
  ExpectRows(kA, R"([["eu", 1, "a", 6]])");
  ExpectRows(kB, all);
  ExpectRows(kGlobal, all);
  EXPECT_EQ(Ok(As(kGlobal).Truncate("items")), 2);
  ExpectRows(kA, R"([["eu", 1, "a", 6]])");
  ExpectRows(kB, all);
}

TEST_P(TableWritesTest, ManyRowsInOneCall) {
  Ok(As(kA).Create(Widgets()));
  constexpr int64_t kRows = 20'000;
  const auto batch = [](int64_t from, const std::string& name) {
    arrow::Int64Builder ids;
    arrow::StringBuilder names;
    for (int64_t i = 0; i < kRows; ++i) EXPECT_TRUE(ids.Append(from + i).ok() && names.Append(name).ok());
    return arrow::RecordBatch::Make(WidgetSchema(), kRows, {*ids.Finish(), *names.Finish()});
  };
  EXPECT_EQ(Ok(As(kA).Append("widgets", batch(0, "old"))), kRows);
  EXPECT_EQ(Ok(As(kA).Upsert("widgets", One(batch(kRows / 2, "new")))), kRows);
  EXPECT_EQ(Ok(As(kA).Update("widgets", One(batch(kRows, "newer")))), kRows / 2);
  const auto count = [&](const std::string& name) {
    return Ok(As(kA).DeleteWhere("widgets", TableFilter::Equal("name", name)));
  };
  EXPECT_EQ(count("newer"), kRows / 2);
  EXPECT_EQ(count("new"), kRows / 2);
  const auto keys = *batch(1, "")->RemoveColumn(1);
  EXPECT_EQ(Ok(As(kA).Delete("widgets", One(keys))), kRows / 2 - 1);
  EXPECT_EQ(Ok(As(kA).Truncate("widgets")), 1);
}

}  // namespace
}  // namespace jammi::test
