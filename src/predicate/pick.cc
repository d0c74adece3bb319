#include "predicate/pick.h"

#include <arrow/array.h>
#include <arrow/array/concatenate.h>
#include <arrow/buffer.h>
#include <arrow/compute/api_vector.h>
#include <arrow/compute/initialize.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

namespace jammi::predicate {
namespace {

// For types that Take() does not know: each run of rows is a slice, and the slices are joined.
arrow::Result<std::shared_ptr<arrow::Array>> JoinRuns(const arrow::Array& column, Rows rows) {
  arrow::ArrayVector runs;
  for (size_t start = 0, end = 0; start < rows.size(); start = end) {
    for (end = start + 1; end < rows.size() && rows[end] == rows[end - 1] + 1;) ++end;
    runs.push_back(column.Slice(rows[start], static_cast<int64_t>(end - start)));
  }
  return arrow::Concatenate(runs);
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> CopyRows(const arrow::RecordBatch& batch, Rows rows) {
  static const arrow::Status functions = arrow::compute::Initialize();
  ARROW_RETURN_NOT_OK(functions);
  const auto count = static_cast<int64_t>(rows.size());
  const arrow::UInt32Array indices(count, arrow::Buffer::Wrap(rows.data(), rows.size()));
  arrow::ArrayVector columns;
  for (const auto& column : batch.columns()) {
    auto taken = arrow::compute::Take(*column, indices, arrow::compute::TakeOptions::NoBoundsCheck());
    if (taken.status().IsNotImplemented()) taken = JoinRuns(*column, rows);
    ARROW_RETURN_NOT_OK(taken.status());
    columns.push_back(*std::move(taken));
  }
  return arrow::RecordBatch::Make(batch.schema(), count, std::move(columns));
}

}  // namespace

Result<std::shared_ptr<arrow::RecordBatch>> Pick(const std::shared_ptr<arrow::RecordBatch>& batch,
                                                 Rows rows) {
  const auto count = static_cast<int64_t>(rows.size());
  if (count == 0) return nullptr;
  if (count == batch->num_rows()) return batch;
  if (rows.back() - rows.front() + 1 == count) return batch->Slice(rows.front(), count);
  auto copied = CopyRows(*batch, rows);
  if (copied.ok()) return *std::move(copied);
  const std::string why = copied.status().ToString();
  if (!copied.status().IsOutOfMemory()) {
    return Error(ErrorCode::kInternal, fmt::format("rows cannot be copied from a batch: {}", why));
  }
  return Error(ErrorCode::kResourceExhausted,
               fmt::format("no memory for the rows that a predicate chose: {}", why));
}

}  // namespace jammi::predicate
