// Tables of random schemas, written and read by several tenants and nobody in particular, on every database
// and in memory: the same calls, the same answers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string_view>

#include "support/random.h"
#include "tables/proof/draw_table.h"
#include "tables/proof/map_tables.h"
#include "tables/read_fixture.h"

namespace jammi::proof {
namespace {

using test::BatchPtr;
using test::kA;
using test::kB;
using test::kGlobal;
using test::kOutsider;
using test::MakeBatch;
using test::Ok;

constexpr const char* kSeed = "JAMMI_TABLES_SEED";
constexpr const char* kSeeds = "JAMMI_TABLES_SEEDS";
constexpr const char* kSteps = "JAMMI_TABLES_STEPS";

// The tables of one database.
class StoredTables {
 public:
  explicit StoredTables(test::MakeHarness make) : harness_(make()) { Reopen(); }

  void Reopen() {
    store_.reset();
    catalog_.reset();
    catalog_ = Ok(harness_->Open());
    store_ = std::make_shared<TableStore>(catalog_->backend());
  }
  [[nodiscard]] Tables As(const Scope& scope) const { return {store_, scope}; }

 private:
  std::unique_ptr<test::Harness> harness_;
  std::shared_ptr<Catalog> catalog_;
  std::shared_ptr<TableStore> store_;
};

std::shared_ptr<arrow::Schema> SchemaOf(const TableDefinition& table,
                                        const std::vector<std::string>& columns) {
  arrow::FieldVector fields;
  for (const auto& column : columns) fields.push_back(table.schema->GetFieldByName(column));
  return columns.empty() ? table.schema : arrow::schema(fields);
}

BatchPtr BatchOf(const MapTable& table, const std::vector<std::string>& columns,
                 const std::vector<MapTable::Row>& rows) {
  const auto schema = SchemaOf(table.definition(), columns);
  test::Rows cells;
  for (const auto& row : rows) {
    for (arrow::ScalarVector& one = cells.emplace_back(); const auto& field : schema->fields())
      one.push_back(row.cells[table.PlaceOf(field->name())]);
  }
  return MakeBatch(schema, cells);
}

BatchPtr Joined(const std::shared_ptr<arrow::Schema>& schema, const std::vector<BatchPtr>& batches) {
  return arrow::Table::FromRecordBatches(schema, batches).ValueOrDie()->CombineChunksToBatch().ValueOrDie();
}

// One row a line; for rows without an order.
std::multiset<std::string> Lines(const BatchPtr& batch) {
  std::multiset<std::string> lines;
  for (int64_t row = 0; row < batch->num_rows(); ++row) {
    std::string line;
    for (const auto& column : batch->columns())
      line += column->GetScalar(row).ValueOrDie()->ToString() + " | ";
    lines.insert(line);
  }
  return lines;
}

// The model and the databases, in step.
class Lockstep {
 public:
  explicit Lockstep(uint64_t seed) : random_(seed) {
    for (const test::MakeHarness make : test::AllHarnesses())
      databases_.push_back(std::make_unique<StoredTables>(make));
  }

  void Step() {
    const auto& verb = verbs_[random_.Below(verbs_.size())];
    scope_ = callers_[random_.Below(callers_.size())];
    DrawTable draw(random_.Next());
    SCOPED_TRACE(fmt::format("{} as '{}'", verb.name, scope_.Key()));
    if (verb.call(draw)) ++succeeded_[verb.name];
    for (const auto& database : databases_) {
      if (random_.Below(400) == 0) database->Reopen();
    }
  }

  // Verbs that have never succeeded.
  [[nodiscard]] std::vector<std::string_view> Unseen() const {
    std::vector<std::string_view> unseen;
    for (const auto& verb : verbs_) {
      if (!succeeded_.contains(verb.name)) unseen.push_back(verb.name);
    }
    return unseen;
  }

 private:
  struct Verb {
    std::string_view name;
    std::function<bool(DrawTable&)> call;  // true: it succeeded
  };

  // Calls each database, and expects of each success, or the error.
  template <class Call>
  bool Expect(std::optional<ErrorCode> error, Call call) {
    for (const auto& database : databases_) {
      const auto answer = call(database->As(scope_));
      EXPECT_EQ(test::CodeOf(answer), error) << (answer ? "" : answer.error().ToString());
    }
    return !error;
  }

  bool Create(DrawTable& draw) {
    const TableDefinition definition = draw.Definition();
    const bool created = map_.Create(scope_, definition);
    return Expect(created ? std::nullopt : std::optional(ErrorCode::kAlreadyExists),
                  [&](Tables tables) { return tables.Create(definition); });
  }

  bool Drop(DrawTable& draw) {
    const std::string id = draw.Id();
    const bool dropped = map_.Drop(scope_, id);
    return Expect(dropped ? std::nullopt : std::optional(ErrorCode::kNotFound),
                  [&](Tables tables) { return tables.Drop(id); });
  }

  // The table that the caller means; null: there is none, which every database must say too.
  MapTable* Find(const std::string& id) {
    MapTable* table = map_.Find(scope_, id);
    if (table == nullptr)
      Expect(ErrorCode::kNotFound, [&](const Tables& tables) { return tables.CountRows(id); });
    return table;
  }

  bool Append(DrawTable& draw) {
    const std::string id = draw.Id();
    MapTable* table = Find(id);
    if (table == nullptr) return false;
    test::Rows rows;
    while (draw.Percent(70)) rows.push_back(draw.Cells(table->definition()));
    const bool appended = table->Append(scope_, rows);
    const BatchPtr batch = MakeBatch(table->definition().schema, rows);
    return Expect(appended ? std::nullopt : std::optional(ErrorCode::kAlreadyExists),
                  [&](Tables tables) { return tables.Append(id, batch); }) &&
           !rows.empty();
  }

  // All pages of a scan in one batch; the first that is no answer.
  static Result<BatchPtr> ReadAll(const Tables& tables, const std::string& id, TableScan scan, bool in_pages,
                                  const std::shared_ptr<arrow::Schema>& schema) {
    std::vector<BatchPtr> batches;
    do {
      if (in_pages) {
        JAMMI_ASSIGN(const TablePage page, tables.ReadPage(id, scan));
        EXPECT_LE(page.rows->num_rows(), scan.limit.value_or(kDefaultTablePageRows));
        batches.push_back(page.rows);
        scan.page_token = page.next_page_token;
      } else {
        JAMMI_ASSIGN(const TableScanEnd end,
                     tables.Scan(id, scan, [&](const BatchPtr& batch) -> Result<bool> {
                       EXPECT_GT(batch->num_rows(), 0);
                       batches.push_back(batch);
                       return true;
                     }));
        scan.page_token = end.next_page_token;
      }
    } while (!scan.page_token.empty());
    return Joined(schema, batches);
  }

  bool Scan(DrawTable& draw) {
    const std::string id = draw.Id();
    const MapTable* table = Find(id);
    if (table == nullptr) return false;
    TableScan scan = draw.Scan(table->definition());
    const bool ordered_by_column =
        scan.order == TableOrder::kOrderColumn || scan.order == TableOrder::kOrderColumnDescending;
    if (ordered_by_column && !table->definition().order_column) {
      return Expect(ErrorCode::kInvalidArgument,
                    [&](const Tables& tables) { return tables.ReadPage(id, scan); });
    }
    if (scan.order == TableOrder::kNone) scan.limit.reset();  // it does not say which rows
    const bool in_pages = draw.Percent(50) && scan.order != TableOrder::kNone;
    const auto rows = table->Scan(scope_, scan);
    const BatchPtr expected = BatchOf(*table, scan.columns, rows);
    for (const auto& database : databases_) {
      const Tables tables = database->As(scope_);
      const BatchPtr actual = Ok(ReadAll(tables, id, scan, in_pages, expected->schema()));
      if (scan.order == TableOrder::kNone) {
        EXPECT_EQ(Lines(actual), Lines(expected));
      } else {
        EXPECT_TRUE(test::SameRows(actual, expected));
      }
      EXPECT_EQ(Ok(tables.CountRows(id, scan.filter)), static_cast<int64_t>(rows.size()));
    }
    return !rows.empty();
  }

  bool Replay(DrawTable& draw) {
    const std::string id = draw.Id();
    const MapTable* table = Find(id);
    if (table == nullptr || !table->definition().order_column) return false;
    const std::string& column = *table->definition().order_column;
    const ScalarPtr after = draw.Value(table->definition().schema->GetFieldByName(column)->type());
    const TableScan scan{.filter = TableFilter::Greater(column, after), .order = TableOrder::kOrderColumn};
    const BatchPtr expected = BatchOf(*table, {}, table->Scan(scope_, scan));
    for (const auto& database : databases_) {
      std::vector<BatchPtr> batches;
      Ok(database->As(scope_).Replay(id, after, {}, [&](const BatchPtr& batch) -> Result<bool> {
        batches.push_back(batch);
        return true;
      }));
      EXPECT_TRUE(test::SameRows(Joined(expected->schema(), batches), expected));
    }
    return expected->num_rows() > 0;
  }

  bool GetRow(DrawTable& draw) {
    const std::string id = draw.Id();
    const MapTable* table = Find(id);
    if (table == nullptr) return false;
    const arrow::ScalarVector key = draw.Key(table->definition());
    const auto row = table->Get(scope_, key);
    std::vector<MapTable::Row> rows;
    if (row) rows.push_back(*row);
    const BatchPtr expected = BatchOf(*table, {}, rows);
    for (const auto& database : databases_) {
      const std::vector<FilterValue> values(key.begin(), key.end());
      EXPECT_TRUE(test::SameRows(Ok(database->As(scope_).GetRow(id, values)), expected));
    }
    return row.has_value();
  }

  test::Random random_;
  Scope scope_ = kGlobal;
  const std::vector<Scope> callers_ = {kA, kA, kA, kB, kB, kGlobal, kGlobal, kOutsider};
  const std::vector<Verb> verbs_ = [this] {
    const auto verb = [this](std::string_view name, bool (Lockstep::*method)(DrawTable&)) {
      return Verb{name, [this, method](DrawTable& draw) { return (this->*method)(draw); }};
    };
    std::vector<Verb> verbs = {verb("create", &Lockstep::Create), verb("drop", &Lockstep::Drop)};
    for (int i = 0; i < 8; ++i) verbs.push_back(verb("append", &Lockstep::Append));
    for (int i = 0; i < 8; ++i) verbs.push_back(verb("scan", &Lockstep::Scan));
    for (int i = 0; i < 2; ++i) verbs.push_back(verb("replay", &Lockstep::Replay));
    for (int i = 0; i < 2; ++i) verbs.push_back(verb("get row", &Lockstep::GetRow));
    return verbs;
  }();
  MapTables map_;
  std::vector<std::unique_ptr<StoredTables>> databases_;
  std::map<std::string_view, int> succeeded_;
};

TEST(TableModelTest, EveryDatabaseAnswersWhatTheModelAnswers) {
  const uint64_t first = test::FromEnvironment(kSeed, 1);
  const uint64_t seeds = test::FromEnvironment(kSeeds, 1);
  const uint64_t steps = test::FromEnvironment(kSteps, 4000);
  for (uint64_t seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(test::Replay(kSeed, seed));
    Lockstep worlds(seed);
    for (uint64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE(fmt::format("step {}", step));
      worlds.Step();
    }
    EXPECT_THAT(worlds.Unseen(), testing::IsEmpty());
  }
}

}  // namespace
}  // namespace jammi::proof
