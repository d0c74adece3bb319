#include "torture/batches.h"

#include <arrow/api.h>

#include "torture/events.h"

namespace jammi::test {

const std::shared_ptr<arrow::Schema>& EventSchema() {
  static const auto schema = arrow::schema(
      {arrow::field("key", arrow::utf8(), false), arrow::field("row", arrow::int32(), false),
       arrow::field("n", arrow::int64(), false), arrow::field("bytes", arrow::binary(), false)});
  return schema;
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
  return arrow::RecordBatch::Make(EventSchema(), static_cast<int64_t>(rows.size()),
                                  {keys.Finish().ValueOrDie(), numbers.Finish().ValueOrDie(),
                                   ns.Finish().ValueOrDie(), bytes.Finish().ValueOrDie()});
}

Description Describe(const arrow::RecordBatch& batch) {
  if (!batch.schema()->Equals(*EventSchema()) || batch.num_rows() == 0) return {.key = "?"};
  const auto& keys = static_cast<const arrow::StringArray&>(*batch.column(0));
  const auto& numbers = static_cast<const arrow::Int32Array&>(*batch.column(1));
  const auto& ns = static_cast<const arrow::Int64Array&>(*batch.column(2));
  const auto& bytes = static_cast<const arrow::BinaryArray&>(*batch.column(3));
  const std::string key = keys.GetString(0);
  if (key.empty() || key.find_first_of(" \n") != std::string::npos) return {.key = "?"};
  Digest digest(key);
  for (int64_t i = 0; i < batch.num_rows(); ++i) {
    if (keys.GetView(i) != key) return {.key = "?"};
    digest.Add(numbers.Value(i), ns.Value(i), bytes.GetView(i));
  }
  return {.key = key, .digest = digest.value()};
}

}  // namespace jammi::test
