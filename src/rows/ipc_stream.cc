#include "rows/ipc_stream.h"

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>

namespace jammi {
namespace {

Error Refused(std::string_view what, const arrow::Status& status) {
  return {ErrorCode::kInvalidArgument, fmt::format("{}: {}", what, status.message())};
}

arrow::Result<std::string> Write(const std::shared_ptr<arrow::Schema>& schema,
                                 const arrow::RecordBatch* batch) {
  ARROW_ASSIGN_OR_RAISE(const auto stream, arrow::io::BufferOutputStream::Create());
  ARROW_ASSIGN_OR_RAISE(const auto writer, arrow::ipc::MakeStreamWriter(stream, schema));
  if (batch != nullptr) ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(*batch));
  ARROW_RETURN_NOT_OK(writer->Close());
  ARROW_ASSIGN_OR_RAISE(const auto buffer, stream->Finish());
  return buffer->ToString();
}

auto Open(std::string_view bytes) {
  return arrow::ipc::RecordBatchStreamReader::Open(
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::string(bytes))));
}

}  // namespace

Result<std::string> EncodeSchemaStream(const arrow::Schema& schema) {
  auto written = Write(std::make_shared<arrow::Schema>(schema), nullptr);
  if (!written.ok()) return Refused("schema encode", written.status());
  return *std::move(written);
}

Result<std::shared_ptr<arrow::Schema>> DecodeSchemaStream(std::string_view bytes) {
  const auto reader = Open(bytes);
  if (!reader.ok()) return Refused("schema decode", reader.status());
  return (*reader)->schema();
}

Result<std::string> EncodeBatchStream(const arrow::RecordBatch& batch) {
  auto written = Write(batch.schema(), &batch);
  if (!written.ok()) return Refused("batch encode", written.status());
  return *std::move(written);
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> DecodeBatchStream(std::string_view bytes) {
  const auto reader = Open(bytes);
  if (!reader.ok()) return Refused("batch decode", reader.status());
  auto batches = (*reader)->ToRecordBatches();
  if (!batches.ok()) return Refused("batch decode", batches.status());
  for (const auto& batch : *batches) {
    if (const auto valid = batch->ValidateFull(); !valid.ok()) return Refused("batch decode", valid);
  }
  return *std::move(batches);
}

}  // namespace jammi
