#include "tables/batch_decoder.h"

#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <utility>

namespace jammi {
namespace {

constexpr int64_t kFixedBytes = 8;  // of a number; a decimal may have more

int64_t SizeOf(const Row::Cell& cell) {
  if (const auto* text = std::get_if<std::string_view>(&cell)) return static_cast<int64_t>(text->size());
  if (const auto* bytes = std::get_if<SqlBytes>(&cell)) return static_cast<int64_t>(bytes->size());
  return 0;
}

}  // namespace

Result<BatchDecoder> BatchDecoder::Make(const Table& table, std::span<const size_t> places) {
  BatchDecoder batch;
  arrow::FieldVector fields;
  for (const size_t place : places) {
    const ColumnCodec& codec = table.codec(place);
    fields.push_back(table.schema()->field(static_cast<int>(place)));
    JAMMI_ASSIGN(auto decoder, codec.NewDecoder());
    batch.columns_.push_back({std::move(decoder), codec.variable()});
  }
  batch.schema_ = arrow::schema(std::move(fields));
  return batch;
}

Result<void> BatchDecoder::Append(const Row& row) {
  int64_t bytes = 0;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Row::Cell cell = row.At(i);
    bytes += columns_[i].variable ? SizeOf(cell) : kFixedBytes;
    JAMMI_TRY(columns_[i].decoder->Append(cell));
  }
  ++rows_;
  bytes_ += bytes;
  return Result<void>(
      std::in_place);  // {} would be cleared first, error and all, which costs as much as a column
}

Result<std::shared_ptr<arrow::RecordBatch>> BatchDecoder::Finish() {
  arrow::ArrayVector arrays;
  for (const Column& column : columns_) {
    JAMMI_ASSIGN(arrays.emplace_back(), column.decoder->Finish());
  }
  bytes_ = 0;
  return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(arrays));
}

}  // namespace jammi
