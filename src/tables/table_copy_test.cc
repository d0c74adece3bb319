// Backups and copies of catalogs with mutable tables: their rows go with them, to every kind of database.
#include <fmt/format.h>

#include "catalog/admin/admin_fixture.h"
#include "tables/proof/values.h"
#include "tables/read_fixture.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Whatever holds one value of every type, a key of several columns, an order column and indexes.
TableDefinition Everything() {
  arrow::FieldVector fields = {
      arrow::field("b", arrow::binary(), false), arrow::field("t", arrow::utf8(), false),
      arrow::field("n", arrow::int64(), false), arrow::field("o", arrow::uint64(), false)};
  for (const auto* types : {&proof::OrderedTypes(), &proof::OtherTypes()}) {
    for (const auto& type : *types) fields.push_back(arrow::field(fmt::format("c{}", fields.size()), type));
  }
  return {.id = "everything",
          .schema = arrow::schema(fields),
          .primary_key = {"t", "n", "b"},
          .indexes = {{"by_c5", {"c5"}}, {"once", {"o", "b"}, true}},
          .order_column = "o"};
}

// As many rows as a copy needs some batches for.
Rows RowsOf(const TableDefinition& definition, size_t count) {
  Rows rows;
  for (size_t i = 0; i < count; ++i) {
    arrow::ScalarVector& row = rows.emplace_back();
    for (const auto& field : definition.schema->fields()) {
      const auto values = proof::EdgeValues(field->type());
      row.push_back(i % 5 == 4 ? arrow::MakeNullScalar(field->type()) : values[i % values.size()]);
    }
    row[0] = std::make_shared<arrow::BinaryScalar>(std::string("\0\xff", 2) + std::to_string(i));
    row[1] = arrow::MakeScalar(i % 2 == 0 ? "it's" : "snow \xE2\x9D\x84");
    row[2] = arrow::MakeScalar(i == 0 ? std::numeric_limits<int64_t>::min() : static_cast<int64_t>(i));
    row[3] = arrow::MakeScalar(~uint64_t{0} - i);
  }
  return rows;
}

class TableCopyTest : public AdminTest {
 protected:
  // Tables of three scopes, an empty one, and one that was dropped.
  void MakeTables() {
    TableStore store(backend());
    for (const Scope& scope : {kA, kB, kGlobal}) Ok(store.Create(scope, Everything()));
    for (const Scope& scope : {kA, kGlobal}) Ok(store.Append(scope, "everything", {&rows_, 1}));
    auto small = Everything();
    small.id = "small";
    Ok(store.Create(kGlobal, small));
    for (const Scope& scope : {kA, kB}) Ok(store.Append(scope, "small", {&rows_, 1}));
    small.id = "gone";
    Ok(store.Create(kA, small));
    Ok(store.Drop(kA, "gone"));
  }

  static std::shared_ptr<Tables> TablesOf(Catalog& catalog, const Scope& scope) {
    return std::make_shared<Tables>(std::make_shared<TableStore>(catalog.backend()), scope);
  }

  void ExpectTables(const CatalogLocation& location) {
    EXPECT_THAT(Findings(location), IsEmpty());
    const auto catalog = Ok(Open(location));
    const auto read = [&](const Scope& scope, const std::string& id) {
      return Ok(TablesOf(*catalog, scope)->ReadPage(id, {.order = TableOrder::kOrderColumnDescending})).rows;
    };
    for (const Scope& scope : {kA, kGlobal}) EXPECT_TRUE(SameRows(read(scope, "everything"), rows_));
    for (const Scope& scope : {kA, kB}) EXPECT_TRUE(SameRows(read(scope, "small"), rows_));
    EXPECT_EQ(read(kB, "everything")->num_rows(), 0);
    EXPECT_EQ(read(kGlobal, "small")->num_rows(), 0);
    // Keys and unique indexes hold, and new tables get new numbers.
    const auto tables = TablesOf(*catalog, kA);
    EXPECT_EQ(CodeOf(tables->Append("everything", rows_->Slice(0, 1))), ErrorCode::kAlreadyExists);
    auto row = RowsOf(Everything(), 1);
    row[0][2] = arrow::MakeScalar(int64_t{77});
    const auto refused = tables->Append("everything", MakeBatch(Everything().schema, row));
    const auto* detail = Refusal(refused, ErrorCode::kAlreadyExists, TableFault::kDuplicateKey);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->column, "once");
    EXPECT_EQ(Ok(tables->Get("everything")).definition.indexes, Everything().indexes);
    EXPECT_GT(Ok(tables->Create({.id = "new", .schema = Everything().schema, .primary_key = {"n"}})).number,
              5);
    Ok(tables->Drop("new"));
    EXPECT_EQ(Ok(tables->Truncate("everything")), rows_->num_rows());
    EXPECT_EQ(Ok(tables->Append("everything", rows_)), rows_->num_rows());
  }

  const BatchPtr rows_ = MakeBatch(Everything().schema, RowsOf(Everything(), 60));
};

TEST_P(TableCopyTest, ACopyHoldsTheRowsOfTables) {
  MakeTables();
  Close();
  for (const MakeHarness make : AllHarnesses()) {
    const auto target = make();
    const CopyReport report = Ok(CopyCatalog(location(), target->location()));
    const auto copied = std::ranges::find(report.tables, "mt_1", &CopiedTable::name);
    ASSERT_NE(copied, report.tables.end());
    EXPECT_EQ(copied->rows, rows_->num_rows());
    ExpectTables(target->location());
    // And back again.
    const auto third = GetParam()();
    Ok(CopyCatalog(target->location(), third->location()));
    ExpectTables(third->location());
  }
}

TEST_P(TableCopyTest, ACopyThatWasKilledGoesOn) {
  MakeTables();
  Close();
  for (const MakeHarness make : AllHarnesses()) {
    const auto target = make();
    const auto copy = [&] { return CopyCatalog(location(), target->location()).has_value(); };
    int kills = 0;
    while (KilledAt("catalog:copy_batch", 4, copy)) {
      ASSERT_LT(++kills, 100);
      EXPECT_FALSE(target->Open());
    }
    EXPECT_GT(kills, 1);
    ExpectTables(target->location());
  }
}

// Rows that were written, a table that was made and one that was dropped between two runs of a copy.
TEST_P(TableCopyTest, WhatChangedMeanwhileIsCopiedAgain) {
  MakeTables();
  auto doomed = Everything();
  doomed.id = "doomed";
  Ok(TableStore(backend()).Create(kA, doomed));
  Close();
  for (const MakeHarness make : AllHarnesses()) {
    const auto target = make();
    const auto copy = [&] { return CopyCatalog(location(), target->location()).has_value(); };
    EXPECT_TRUE(KilledAt("catalog:copy_source_retired", 1, copy));  // every row is there
    Reopen();
    TableStore store(backend());
    IgnoreError(store.Drop(kA, "doomed"), "a target before this one did");
    Ok(store.DeleteWhere(kA, "everything", TableFilter::Less("n", 30)));
    Ok(store.Write(kA, "everything", {&rows_, 1}, RowChange::kUpsert));
    Ok(store.DeleteWhere(kB, "small", {}));
    Close();
    const auto changed = CopyCatalog(location(), target->location());
    ASSERT_EQ(CodeOf(changed), ErrorCode::kAborted);
    EXPECT_THAT(changed.error().message(), HasSubstr("table mt_4"));
    Reopen();
    Ok(TableStore(backend()).Append(kB, "small", {&rows_, 1}));
    Close();
    for (int runs = 0; runs < 3; ++runs) {
      const auto again = CopyCatalog(location(), target->location());
      if (again) break;
      ASSERT_EQ(again.error().code(), ErrorCode::kAborted) << again.error().ToString();
    }
    ExpectTables(target->location());
  }
}

// Engines may run beside a PostgreSQL source.
TEST_P(TableCopyTest, ATableThatIsDroppedMeanwhileEndsTheCopyAndNotTheNext) {
  if (harness_->kind() != BackendKind::kPostgres) return;  // a file is locked
  MakeTables();
  auto doomed = Everything();
  doomed.id = "doomed";
  for (const MakeHarness make : AllHarnesses()) {
    TableStore store(backend());
    Ok(store.Create(kA, doomed));
    const auto target = make();
    SetSyncPoint("catalog:copy_marked", [&] { Ok(store.Drop(kA, "doomed")); });
    const auto refused = CopyCatalog(location(), target->location());
    ClearSyncPoints();
    EXPECT_EQ(CodeOf(refused), ErrorCode::kAborted);
    EXPECT_FALSE(target->Open());
    Result<CopyReport> again = CopyCatalog(location(), target->location());
    if (!again) again = CopyCatalog(location(), target->location());  // mutable_tables itself had changed
    Ok(again);
    ExpectTables(target->location());
  }
}

TEST_P(TableCopyTest, ATableWithoutItsRowsIsDamage) {
  MakeTables();
  Sql("DROP TABLE mt_2");
  Close();
  for (const MakeHarness make : AllHarnesses()) {
    const auto target = make();
    const auto refused = CopyCatalog(location(), target->location());
    ASSERT_EQ(CodeOf(refused), ErrorCode::kDataLoss);
    EXPECT_THAT(refused.error().message(), HasSubstr("mt_2"));
    EXPECT_TRUE(target->Open());  // nothing was made of it
  }
}

TEST_P(TableCopyTest, ABackupHoldsTheRowsOfTables) {
  if (harness_->kind() != BackendKind::kSqlite) return;  // a server has its own tools
  MakeTables();
  const TempDir folder;
  Ok(BackupCatalog(location(), folder / "backup.db"));
  // What is written afterwards is not in it.
  Ok(TableStore(backend()).DeleteWhere(kA, "everything", {}));
  ExpectTables({.path = folder / "backup.db"});
}

JAMMI_ON_EVERY_DATABASE(TableCopyTest);

}  // namespace
}  // namespace jammi::test
