#include "tables/row_batch.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "tables/definition.h"
#include "tables/repeated_keys.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

Error Invalid(const Table& table, TableFault fault, std::string_view why, std::string_view column = {}) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("table '{}': {}", table.id(), why),
               TableDetail{fault, table.id(), std::string(column)});
}

// MUT-061: names, order, types and nullability.
Result<void> CheckSameSchema(const Table& table, const arrow::Schema& actual) {
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

}  // namespace

Result<RowBatch> RowBatch::Make(std::shared_ptr<const Table> table, Tables::Batches batches,
                                RowChange change) {
  RowBatch rows(std::move(table), change);
  for (const auto& batch : batches) {
    if (batch == nullptr) return Error(ErrorCode::kInvalidArgument, "a batch is missing");
    if (rows.parts_.empty()) JAMMI_TRY(rows.FindPlaces(*batch->schema()));
    JAMMI_TRY(rows.Add(*batch));
  }
  if (change == RowChange::kAssign && rows.rows_ != 1) {
    return Invalid(*rows.table_, TableFault::kSchema,
                   fmt::format("the new values are {} rows, not one", rows.rows_));
  }
  JAMMI_TRY(rows.FindRepeatedKeys());
  return rows;
}

// Which columns the batches have.
Result<void> RowBatch::FindPlaces(const arrow::Schema& first) {
  if (change_ == RowChange::kDelete) {
    for (const int place : table_->key()) places_.push_back(static_cast<size_t>(place));
    return {};
  }
  if (change_ != RowChange::kUpdate && change_ != RowChange::kAssign) {
    places_.resize(table_->columns());
    std::iota(places_.begin(), places_.end(), size_t{0});
    return {};
  }
  for (const auto& field : first.fields()) {
    const int place = FindColumn(*table_->schema(), field->name());
    if (place < 0) {
      return Invalid(*table_, TableFault::kSchema, fmt::format("it has no column '{}'", field->name()),
                     field->name());
    }
    if (std::ranges::find(places_, static_cast<size_t>(place)) != places_.end()) {
      return Invalid(*table_, TableFault::kSchema,
                     fmt::format("the batch has column '{}' twice", field->name()), field->name());
    }
    places_.push_back(static_cast<size_t>(place));
  }
  if (change_ == RowChange::kAssign) {
    for (const size_t place : places_) {
      if (!table_->IsKey(place)) continue;
      const auto& name = table_->codec(place).field().name();
      return Invalid(*table_, TableFault::kSchema, fmt::format("key column '{}' cannot be changed", name),
                     name);
    }
    return places_.empty() ? Invalid(*table_, TableFault::kSchema, "there are no new values")
                           : Result<void>();
  }
  for (const int place : table_->key()) {
    if (std::ranges::find(places_, static_cast<size_t>(place)) != places_.end()) continue;
    const auto& name = table_->codec(static_cast<size_t>(place)).field().name();
    return Invalid(*table_, TableFault::kSchema, fmt::format("the batch has no key column '{}'", name), name);
  }
  if (places_.size() > table_->key().size()) return {};
  return Invalid(*table_, TableFault::kSchema, "the batch has no column but those of the key");
}

// An update or a delete may say what it likes about nulls: the values are looked at.
Result<void> RowBatch::CheckSchema(const arrow::Schema& actual) const {
  const bool whole =
      change_ == RowChange::kAppend || change_ == RowChange::kUpsert || change_ == RowChange::kInsertAbsent;
  if (whole) return CheckSameSchema(*table_, actual);
  if (actual.num_fields() != static_cast<int>(places_.size())) {
    return Invalid(*table_, TableFault::kSchema,
                   fmt::format("the batch has {} columns, expected {}", actual.num_fields(), places_.size()));
  }
  for (size_t i = 0; i < places_.size(); ++i) {
    const auto& want = table_->codec(places_[i]).field();
    const auto& have = *actual.field(static_cast<int>(i));
    if (want.name() == have.name() && want.type()->Equals(*have.type())) continue;
    return Invalid(*table_, TableFault::kSchema,
                   fmt::format("column {} of the batch is '{}' {}, expected '{}' {}", i, have.name(),
                               have.type()->ToString(), want.name(), want.type()->ToString()),
                   want.name());
  }
  return {};
}

Result<void> RowBatch::Add(const arrow::RecordBatch& batch) {
  JAMMI_TRY(CheckSchema(*batch.schema()));
  if (const auto valid = batch.ValidateFull(); !valid.ok())
    return Invalid(*table_, TableFault::kSchema, fmt::format("the batch is damaged: {}", valid.message()));
  JAMMI_TRY(CheckNulls(batch));
  Part part{.first = rows_, .rows = batch.num_rows(), .columns = {}};
  for (size_t i = 0; i < places_.size(); ++i) {
    auto writer = table_->codec(places_[i]).NewWriter(batch.column(static_cast<int>(i)));
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
  for (size_t i = 0; i < places_.size(); ++i) {
    if (table_->nullable(places_[i]) || batch.column(static_cast<int>(i))->null_count() == 0) continue;
    const auto& name = table_->codec(places_[i]).field().name();
    return Invalid(*table_, TableFault::kInvalidValue,
                   fmt::format("column '{}' has a null, which it cannot", name), name);
  }
  return {};
}

// PostgreSQL cannot index more than a third of a page.
Result<void> RowBatch::CheckSizes(const Part& part, std::string_view of,
                                  const std::vector<int>& indexed) const {
  std::vector<const CellWriter*> variable;
  for (size_t i = 0; i < places_.size(); ++i) {
    const bool is_indexed = std::ranges::find(indexed, static_cast<int>(places_[i])) != indexed.end();
    if (is_indexed && table_->codec(places_[i]).variable()) variable.push_back(part.columns[i].get());
  }
  if (variable.empty()) return {};
  for (int64_t row = 0; row < part.rows; ++row) {
    int64_t bytes = 0;
    for (const CellWriter* column : variable) bytes += column->Length(row);
    if (bytes <= static_cast<int64_t>(Tables::kMaxIndexedBytes)) continue;
    const auto& name = table_->codec(static_cast<size_t>(indexed.front())).field().name();
    return Invalid(
        *table_, TableFault::kInvalidValue,
        fmt::format("{} of row {} takes {} bytes, more than {}", of, row, bytes, Tables::kMaxIndexedBytes),
        name);
  }
  return {};
}

// An append leaves it to the database, which knows the rows that are there as well.
Result<void> RowBatch::FindRepeatedKeys() {
  if (change_ == RowChange::kAppend || change_ == RowChange::kAssign) return {};
  std::vector<size_t> key_at;
  for (const int place : table_->key()) {
    const auto found = std::ranges::find(places_, static_cast<size_t>(place));
    key_at.push_back(static_cast<size_t>(found - places_.begin()));
  }
  const Keep keep = change_ == RowChange::kInsertAbsent ? Keep::kFirst : Keep::kLast;
  const auto key = [&](int64_t row, std::string& bytes) -> Result<void> {
    const auto part = std::ranges::upper_bound(parts_, row, {}, &Part::first) - 1;
    SqlValue value = std::nullopt;
    for (const size_t at : key_at) {
      JAMMI_TRY(part->columns[at]->Get(row - part->first, value));
      AppendKeyBytes(value, bytes);
    }
    return {};
  };
  JAMMI_ASSIGN(repeated_, FindRepeated(rows_, keep, key));
  not_counted_ = std::ranges::count(repeated_, true);
  return {};
}

}  // namespace jammi
