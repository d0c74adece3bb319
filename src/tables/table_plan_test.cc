// What a database does for a scan of a large table: it reads by an index, in the order in which it returns.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "catalog/query_plan.h"
#include "tables/read_fixture.h"
#include "tables/read_sql.h"
#include "tables/scan_statement.h"
#include "tables/table_repo.h"
#include "tables/table_writes.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int64_t kRows = 100'000;

class TablePlanTest : public TableReadTest {
 protected:
  // A global table with rows of two tenants and of nobody in particular.
  void SetUp() override {
    Ok(As(kGlobal).Create(Numbers()));
    for (const Scope& scope : {kA, kB, kGlobal}) {
      arrow::Int64Builder k, o, v;
      arrow::StringBuilder t;
      for (int64_t i = 0; i < kRows / 3; ++i) {
        const int64_t mixed = i * 7919 % 33'333;  // neither the order nor the values run with the keys
        ASSERT_TRUE(k.Append(i).ok() && o.Append(mixed).ok() && v.Append(mixed / 10).ok() &&
                    t.Append(std::to_string(i)).ok());
      }
      const auto schema = Numbers().schema;
      Ok(As(scope).Append("numbers",
                          arrow::RecordBatch::Make(schema, kRows / 3,
                                                   {k.Finish().ValueOrDie(), o.Finish().ValueOrDie(),
                                                    v.Finish().ValueOrDie(), t.Finish().ValueOrDie()})));
    }
    if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  }

  std::string PlanText(const SqlText& sql, std::string_view before = {}) {
    const std::string text = fmt::format("{}{}", before, sql.text());
    return fmt::format("{}\n{}", text, fmt::join(Ok(PlanFor(backend(), text, sql.params())), "\n"));
  }
  std::string PlanOfScan(const Scope& scope, const TableScan& scan) {
    const auto table = Ok(store().Find(scope, "numbers"));
    const auto statement = Ok(ScanStatement::Make(table, backend().kind(), scope, scan));
    // As StreamRows() runs it: PostgreSQL plans a cursor for its first rows.
    const bool cursor = backend().kind() == BackendKind::kPostgres && !statement.most_rows();
    return PlanText(statement.sql(), cursor ? "DECLARE jammi_rows NO SCROLL CURSOR FOR " : "");
  }
  // Finds rows by an index, and does not have to order them; but two of one key, a tenant's and a global one,
  // where the databases speak of sorting by the last of several columns.
  void ExpectByIndex(const std::string& plan) {
    SCOPED_TRACE(plan);
    EXPECT_THAT(plan, Not(HasSubstr("SCAN mt_")));
    EXPECT_THAT(plan, Not(HasSubstr("Seq Scan")));
    EXPECT_THAT(plan, Not(HasSubstr("TEMP B-TREE FOR ORDER BY")));
    if (plan.find("Sort Key") != plan.npos) {
      EXPECT_THAT(plan, HasSubstr("Merge Append"));
      EXPECT_THAT(plan, HasSubstr("Presorted Key"));
    }
  }
  // The part of the plan that says by which columns rows are found, in that database's words.
  std::string ByIndex(std::string_view sqlite, std::string_view postgres) {
    return std::string(backend().kind() == BackendKind::kSqlite ? sqlite : postgres);
  }
};

JAMMI_ON_EVERY_DATABASE(TablePlanTest);

// Without rows: a database that knows that there is one row would not look for an index.
class TableRegistryPlanTest : public TableReadTest {};
JAMMI_ON_EVERY_DATABASE(TableRegistryPlanTest);

TEST_P(TableRegistryPlanTest, WhatTablesThereAreIsReadByAnIndex) {
  ExpectNoScanOrSort(backend(), TableStatements());
}

constexpr TableOrder kOrders[] = {TableOrder::kKey, TableOrder::kKeyDescending, TableOrder::kOrderColumn,
                                  TableOrder::kOrderColumnDescending};

TEST_P(TablePlanTest, OrderedScansAndTheirPagesAreReadInOrder) {
  for (const Scope& scope : {kGlobal, kA}) {
    for (const TableOrder order : kOrders) {
      TableScan scan{.order = order, .limit = 100};
      SCOPED_TRACE(testing::Message() << scope.Key() << " " << static_cast<int>(order));
      ExpectByIndex(PlanOfScan(scope, scan));
      scan.page_token = Ok(As(scope).ReadPage("numbers", scan)).next_page_token;
      ASSERT_NE(scan.page_token, "");
      ExpectByIndex(PlanOfScan(scope, scan));
      scan.limit.reset();
      ExpectByIndex(PlanOfScan(scope, scan));
    }
  }
}

TEST_P(TablePlanTest, APageBeginsWhereTheTokenSays) {
  TableScan scan{.limit = 100};
  scan.page_token = Ok(As(kGlobal).ReadPage("numbers", scan)).next_page_token;
  EXPECT_THAT(PlanOfScan(kGlobal, scan), HasSubstr(ByIndex("(s=? AND c0>?)", "(c0 > '99'::bigint)")));
  scan = {.order = TableOrder::kOrderColumn, .limit = 100};
  scan.page_token = Ok(As(kGlobal).ReadPage("numbers", scan)).next_page_token;
  EXPECT_THAT(PlanOfScan(kGlobal, scan),
              HasSubstr(ByIndex("(s=? AND (c1,c0)>(?,?))", "(ROW(c1, c0) > ROW(")));
}

TEST_P(TablePlanTest, AFilteredScanReadsWhatItsIndexFinds) {
  for (const Scope& scope : {kGlobal, kA}) {
    SCOPED_TRACE(scope.Key());
    const auto plan = [&](const TableFilter& filter, TableOrder order) {
      return PlanOfScan(scope, {.filter = filter, .order = order});
    };
    const auto some = TableFilter::AtLeast("v", 500) && TableFilter::Less("v", 503);
    for (const TableOrder order : {TableOrder::kNone, TableOrder::kKey}) {
      EXPECT_THAT(plan(some, order),
                  HasSubstr(ByIndex("_i0 (s=? AND c2>? AND c2<?)", "(c2 < '503'::bigint)")));
      EXPECT_THAT(plan(TableFilter::Equal("v", 500), order),
                  HasSubstr(ByIndex("_i0 (s=? AND c2=?)", "(c2 = '500'::bigint)")));
      EXPECT_THAT(plan(TableFilter::In("k", {1, 2, 70'000}), order),
                  HasSubstr(ByIndex("(s=? AND c0=?)", "c0 = ANY ('{1,2,70000}'::bigint[])")));
    }
    ExpectByIndex(plan(some, TableOrder::kNone));
    ExpectByIndex(plan(TableFilter::Greater("o", 33'300), TableOrder::kOrderColumn));
    EXPECT_THAT(plan(TableFilter::Greater("o", 33'300), TableOrder::kOrderColumn),
                HasSubstr(ByIndex("_o (s=? AND c1>?)", "(c1 > '33300'::bigint)")));
  }
}

TEST_P(TablePlanTest, ARowIsFoundByItsKey) {
  const auto table = Ok(store().Find(kA, "numbers"));
  const std::vector<FilterValue> key = {5};
  const std::vector<size_t> places = {0, 1, 2, 3};
  for (const Scope& reader : {kA, kGlobal}) {  // who sees the rows of two owners, and of one
    for (const SqlText& sql :
         {Ok(RowByKey(*table, reader, key, places)), Ok(RowByKeyOfId(*table, reader, key, places))}) {
      const std::string plan = PlanText(sql);
      EXPECT_THAT(plan, HasSubstr(ByIndex("(s=? AND c0=?)", "(c0 = '5'::bigint)")));
      EXPECT_THAT(plan, Not(HasSubstr("SCAN mt_")));
      EXPECT_THAT(plan, Not(HasSubstr("Seq Scan on mt_")));
    }
  }
}

// Once SQLite read the whole scope for them: it does not know how few rows an index finds.
TEST_P(TablePlanTest, ChangesByAFilterReadWhatItsIndexFinds) {
  const auto table = Ok(store().Find(kA, "numbers"));
  const BackendKind kind = backend().kind();
  const std::string by_index = ByIndex("_i0 (s=? AND c2=?)", "(c2 = '500'::bigint)");
  const auto filter = TableFilter::Equal("v", 500);
  EXPECT_THAT(PlanText(Ok(DeleteText(*table, kind, kA, filter))), HasSubstr(by_index));
  // Also where the values of the index change.
  const auto row =
      MakeBatch(arrow::schema({Numbers().schema->GetFieldByName("v")}), {{arrow::MakeScalar(int64_t{1})}});
  auto values = Ok(RowBatch::Make(table, {&row, 1}, RowChange::kAssign));
  EXPECT_THAT(PlanText(Ok(UpdateText(kind, kA, filter, values))), HasSubstr(by_index));
  EXPECT_EQ(Ok(As(kA).UpdateWhere("numbers", filter, row)), 10);
  EXPECT_EQ(Ok(As(kA).DeleteWhere("numbers", TableFilter::Equal("v", 1))), 20);
}

TEST_P(TablePlanTest, RowsAreChangedByTheirKeysManyAtOnce) {
  const auto table = Ok(store().Find(kA, "numbers"));
  const auto fields = Numbers().schema->fields();
  for (const RowChange change : {RowChange::kUpdate, RowChange::kDelete}) {
    const auto schema =
        arrow::schema(change == RowChange::kDelete ? arrow::FieldVector{fields[0]}
                                                   : arrow::FieldVector{fields[0], fields[2]});
    Rows rows;
    for (int64_t i = 0; i < 100; ++i) rows.emplace_back(schema->num_fields(), arrow::MakeScalar(i * 300));
    const auto batch = MakeBatch(schema, rows);
    auto changes = Ok(RowBatch::Make(table, {&batch, 1}, change));
    int statements = 0;
    std::string plan;
    Ok(changes.ForEachStatement(backend().kind(), kA, {}, [&](const std::string& sql, SqlParams params) {
      if (statements++ == 0) plan = fmt::format("{}", fmt::join(Ok(PlanFor(backend(), sql, params)), "\n"));
      return Result<void>();
    }));
    SCOPED_TRACE(plan);
    EXPECT_EQ(statements, backend().kind() == BackendKind::kSqlite ? 100 : 1);
    EXPECT_THAT(plan, HasSubstr(ByIndex("(s=? AND c0=?)", "Index Cond: ((s = ")));
    EXPECT_THAT(plan, Not(HasSubstr("Seq Scan on mt_")));
  }
}

}  // namespace
}  // namespace jammi::test
