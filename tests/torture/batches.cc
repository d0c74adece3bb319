#include "torture/batches.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "torture/events.h"

namespace jammi::test {

namespace {

constexpr int kFirstAppended = 4;

// Values in the columns that the event has, nulls in others.
bool AppendedAreRight(const arrow::RecordBatch& batch, const arrow::Int64Array& ns, size_t has) {
  for (int column = kFirstAppended; column < batch.num_columns(); ++column) {
    const auto& values = static_cast<const arrow::Int64Array&>(*batch.column(column));
    const int64_t number = column - kFirstAppended + 1;
    for (int64_t i = 0; i < values.length(); ++i) {
      if (std::cmp_greater(number, has) ? values.IsValid(i)
                                        : values.IsNull(i) || values.Value(i) != ns.Value(i) + number)
        return false;
    }
  }
  return true;
}

}  // namespace

std::shared_ptr<arrow::Schema> EventSchema(size_t appended) {
  arrow::FieldVector fields{
      arrow::field("key", arrow::utf8(), false), arrow::field("row", arrow::int32(), false),
      arrow::field("n", arrow::int64(), false), arrow::field("bytes", arrow::binary(), false)};
  for (size_t i = 1; i <= appended; ++i)
    fields.push_back(arrow::field(fmt::format("c{}", i), arrow::int64()));
  return arrow::schema(std::move(fields));
}

size_t AppendedColumns(const arrow::Schema& schema) {
  return static_cast<size_t>(std::max(schema.num_fields() - kFirstAppended, 0));
}

std::shared_ptr<arrow::RecordBatch> ToBatch(const std::string& key) {
  arrow::StringBuilder keys;
  arrow::Int32Builder numbers;
  arrow::Int64Builder ns;
  arrow::BinaryBuilder bytes;
  const auto rows = RowsOf(key);
  for (const Row& row : rows) {
    const bool made = keys.Append(key).ok() && numbers.Append(row.row).ok() && ns.Append(row.n).ok() &&
                      bytes.Append(row.bytes).ok();
    if (!made) std::abort();  // no memory
  }
  arrow::ArrayVector columns{keys.Finish().ValueOrDie(), numbers.Finish().ValueOrDie(),
                             ns.Finish().ValueOrDie(), bytes.Finish().ValueOrDie()};
  const size_t appended = AppendedColumnsOf(key);
  for (size_t i = 1; i <= appended; ++i) {
    arrow::Int64Builder values;
    for (const Row& row : rows) {
      if (!values.Append(row.n + static_cast<int64_t>(i)).ok()) std::abort();
    }
    columns.push_back(values.Finish().ValueOrDie());
  }
  return arrow::RecordBatch::Make(EventSchema(appended), static_cast<int64_t>(rows.size()), columns);
}

Description Describe(const arrow::RecordBatch& batch) {
  const auto schema = EventSchema(AppendedColumns(*batch.schema()));
  if (!batch.schema()->Equals(*schema) || batch.num_rows() == 0) return {.key = "?"};
  const auto& keys = static_cast<const arrow::StringArray&>(*batch.column(0));
  const auto& numbers = static_cast<const arrow::Int32Array&>(*batch.column(1));
  const auto& ns = static_cast<const arrow::Int64Array&>(*batch.column(2));
  const auto& bytes = static_cast<const arrow::BinaryArray&>(*batch.column(3));
  const std::string key = keys.GetString(0);
  if (key.empty() || key.find_first_of(" \n") != std::string::npos) return {.key = "?"};
  if (!AppendedAreRight(batch, ns, AppendedColumnsOf(key))) return {.key = "?"};
  Digest digest(key);
  for (int64_t i = 0; i < batch.num_rows(); ++i) {
    if (keys.GetView(i) != key) return {.key = "?"};
    digest.Add(numbers.Value(i), ns.Value(i), bytes.GetView(i));
  }
  return {.key = key, .digest = digest.value()};
}

}  // namespace jammi::test
