#include "tables/row_batch.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "trigger/topic_schema.h"

namespace jammi {
namespace {

Error Invalid(const Table& table, TableFault fault, std::string_view why, std::string_view column = {}) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("table '{}': {}", table.id(), why),
               TableDetail{fault, table.id(), std::string(column)});
}

Result<void> CheckSchema(const Table& table, const arrow::Schema& actual) {
  const auto same = CheckBatchSchema(table.id(), *table.schema(), actual);
  if (same) return {};
  const auto* detail = same.error().As<BatchSchemaMismatchDetail>();
  if (detail == nullptr) return same.error();
  const std::string what = detail->column.empty() ? std::string("the batch")
                                                  : fmt::format("column '{}' of the batch", detail->column);
  return Invalid(table, TableFault::kSchema,
                 fmt::format("{} has {}, expected {}", what, detail->actual, detail->expected),
                 detail->column);
}

Error DuplicateKey(const Table& table) {
  return Error(
      ErrorCode::kAlreadyExists,
      fmt::format("table '{}': a row with the same key or unique index is there already", table.id()),
      TableDetail{TableFault::kDuplicateKey, table.id(), {}});
}

}  // namespace

Result<RowBatch> RowBatch::Make(std::shared_ptr<const Table> table, Tables::Batches batches) {
  RowBatch rows(std::move(table));
  for (const auto& batch : batches) {
    if (batch == nullptr) return Error(ErrorCode::kInvalidArgument, "a batch is missing");
    JAMMI_TRY(rows.Add(*batch));
  }
  return rows;
}

Result<void> RowBatch::Add(const arrow::RecordBatch& batch) {
  JAMMI_TRY(CheckSchema(*table_, *batch.schema()));
  if (const auto valid = batch.ValidateFull(); !valid.ok())
    return Invalid(*table_, TableFault::kSchema, fmt::format("the batch is damaged: {}", valid.message()));
  JAMMI_TRY(CheckNulls(batch));
  Part part{.rows = batch.num_rows()};
  for (size_t i = 0; i < table_->columns(); ++i) {
    auto writer = table_->codec(i).NewWriter(batch.column(static_cast<int>(i)));
    if (!writer) {
      const auto* detail = writer.error().As<TableDetail>();
      if (detail == nullptr) return std::move(writer).error();
      return Invalid(*table_, detail->fault, writer.error().message(), detail->column);
    }
    part.columns.push_back(*std::move(writer));
  }
  JAMMI_TRY(CheckSizes(part, "the primary key", table_->key()));
  for (size_t i = 0; i < table_->indexes().size(); ++i) {
    JAMMI_TRY(CheckSizes(part, fmt::format("index '{}'", table_->record().definition.indexes[i].name),
                         table_->indexes()[i]));
  }
  rows_ += part.rows;
  parts_.push_back(std::move(part));
  return {};
}

Result<void> RowBatch::CheckNulls(const arrow::RecordBatch& batch) const {
  for (size_t i = 0; i < table_->columns(); ++i) {
    const auto& array = *batch.column(static_cast<int>(i));
    if (table_->nullable(i) || array.null_count() == 0) continue;
    const auto& name = table_->codec(i).field().name();
    return Invalid(*table_, TableFault::kInvalidValue,
                   fmt::format("column '{}' has a null, which it cannot", name), name);
  }
  return {};
}

// PostgreSQL cannot index more than a third of a page.
Result<void> RowBatch::CheckSizes(const Part& part, std::string_view of,
                                  const std::vector<int>& places) const {
  std::vector<const CellWriter*> variable;
  for (const int place : places) {
    const auto at = static_cast<size_t>(place);
    if (table_->codec(at).variable()) variable.push_back(part.columns[at].get());
  }
  if (variable.empty()) return {};
  for (int64_t row = 0; row < part.rows; ++row) {
    int64_t bytes = 0;
    for (const CellWriter* column : variable) bytes += column->Length(row);
    if (bytes <= static_cast<int64_t>(Tables::kMaxIndexedBytes)) continue;
    const auto& name = table_->codec(static_cast<size_t>(places.front())).field().name();
    return Invalid(
        *table_, TableFault::kInvalidValue,
        fmt::format("{} of row {} takes {} bytes, more than {}", of, row, bytes, Tables::kMaxIndexedBytes),
        name);
  }
  return {};
}

Result<int64_t> RowBatch::Insert(Transaction& tx, const Scope& scope, OnConflict on_conflict) {
  std::vector<RowInsert::Column> columns = {{Table::kScopeColumn, SqlKind::kText}};
  for (size_t i = 0; i < table_->columns(); ++i)
    columns.push_back({table_->column(i), table_->codec(i).kind()});
  std::vector<std::string_view> key = {Table::kScopeColumn};
  for (const int place : table_->key()) key.emplace_back(table_->column(static_cast<size_t>(place)));

  const std::string owner = scope.Key();
  const Part* part = nullptr;
  int64_t first = 0;  // row of `part`
  const auto fill = [&](int64_t row, std::span<SqlValue> values) -> Result<void> {
    if (row == 0) {
      part = parts_.data();
      first = 0;
    }
    while (row - first >= part->rows) first += (part++)->rows;
    values[0] = owner;
    for (size_t i = 0; i < part->columns.size(); ++i)
      JAMMI_TRY(part->columns[i]->Get(row - first, values[i + 1]));
    return {};
  };
  auto written = tx.InsertRows(
      {.table = table_->storage(), .columns = columns, .rows = rows_, .on_conflict = on_conflict, .key = key},
      fill);
  if (written) return written;
  const auto* refused = written.error().As<BackendDetail>();
  if (refused != nullptr && refused->fault == BackendFault::kUnique) return DuplicateKey(*table_);
  return written;
}

}  // namespace jammi
