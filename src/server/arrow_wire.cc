#include "server/arrow_wire.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/slice.h>

#include <exception>
#include <utility>

#include "base/text.h"
#include "jammi/v1/trigger.pb.h"
#include "trigger/ipc_header.h"

namespace jammi {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::string_view kEndOfStream("\xFF\xFF\xFF\xFF\0\0\0\0", 8);
// Rows need at least a bit of data each. Columns of nulls, or of runs, may do with less up to here.
constexpr int64_t kMaxRowsWithoutData = int64_t{1} << 20;

Error InvalidArrow(std::string_view doing, const arrow::Status& status) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("{}: {}", doing, status.message()));
}

arrow::ipc::IpcWriteOptions WriteOptions() {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.use_threads = false;
  options.metadata_version = arrow::ipc::MetadataVersion::V5;
  return options;
}

arrow::ipc::IpcReadOptions WireReadOptions() {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  options.ensure_native_endian = false;  // refused instead
  options.ensure_alignment = arrow::ipc::Alignment::kDataTypeSpecificAlignment;
  return options;
}

// The messages of a stream, without compressed ones: a few bytes of those can stand for gigabytes.
class PlainMessages final : public arrow::ipc::MessageReader {
 public:
  explicit PlainMessages(std::shared_ptr<arrow::Buffer> bytes)
      : stream_(std::move(bytes)), messages_(arrow::ipc::MessageReader::Open(&stream_)) {}

  arrow::Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    ARROW_ASSIGN_OR_RAISE(auto message, messages_->ReadNextMessage());
    if (message != nullptr && IsCompressed(*message->metadata())) {
      return arrow::Status::Invalid("its body is compressed; send it without compression");
    }
    return message;
  }

 private:
  arrow::io::BufferReader stream_;
  std::unique_ptr<arrow::ipc::MessageReader> messages_;
};

// Names go into messages, which must be UTF-8.
arrow::Status CheckNames(const arrow::FieldVector& fields) {
  for (const auto& field : fields) {
    if (!IsValidUtf8(field->name())) return arrow::Status::Invalid("the name of a column is not UTF-8");
    ARROW_RETURN_NOT_OK(CheckNames(field->type()->fields()));
  }
  return arrow::Status::OK();
}

arrow::Status CheckSchema(const arrow::Schema& schema) {
  if (!schema.is_native_endian()) return arrow::Status::Invalid("its byte order is not little-endian");
  return CheckNames(schema.fields());
}

arrow::Result<std::shared_ptr<arrow::Schema>> ReadSchema(std::string_view bytes) {
  arrow::io::BufferReader stream(std::make_shared<arrow::Buffer>(bytes));
  arrow::ipc::DictionaryMemo dictionaries;
  ARROW_ASSIGN_OR_RAISE(auto schema, arrow::ipc::ReadSchema(&stream, &dictionaries));
  ARROW_RETURN_NOT_OK(CheckSchema(*schema));
  return schema;
}

// The arrays of a batch point inside its buffers, and its rows are not made of nothing.
arrow::Status CheckBatch(const arrow::RecordBatch& batch, int64_t size) {
  // The reader's own checks end at the buffers' bounds; offsets, views and indices point inside them.
  ARROW_RETURN_NOT_OK(batch.ValidateFull());
  if (batch.num_rows() > kMaxRowsWithoutData && batch.num_rows() / 8 > size) {
    return arrow::Status::Invalid("it says it has ", batch.num_rows(), " rows, in ", size, " bytes");
  }
  return arrow::Status::OK();
}

// The message that a stream begins with; empty if it does not look like one.
std::string_view SchemaMessageOf(const arrow::Buffer& stream) {
  const auto metadata = MetadataSize(stream, 0);
  if (!metadata.ok()) return {};
  return std::string_view(stream).substr(0, static_cast<size_t>(kMessagePrefixBytes + *metadata));
}

// The usual stream, of a schema that is known: its message, that of one batch without dictionaries, the end.
// Null for any other: what there is to say of it, ReadOneBatch says.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadKnown(const std::shared_ptr<arrow::Buffer>& stream,
                                                             const WireSchemas& known) {
  const auto schema_message = SchemaMessageOf(*stream);
  const auto schema = schema_message.empty() ? nullptr : known.Find(schema_message);
  if (schema == nullptr) return nullptr;
  auto at = static_cast<int64_t>(schema_message.size());
  ARROW_ASSIGN_OR_RAISE(const auto message, NextMessage(stream, &at));
  const auto rest = std::string_view(*stream).substr(static_cast<size_t>(at));
  if (!rest.empty() && !rest.starts_with(kEndOfStream)) return nullptr;
  if (message->type() != arrow::ipc::MessageType::RECORD_BATCH || IsCompressed(*message->metadata())) {
    return nullptr;
  }
  const arrow::ipc::DictionaryMemo none;
  ARROW_ASSIGN_OR_RAISE(auto batch, arrow::ipc::ReadRecordBatch(*message, schema, &none, WireReadOptions()));
  ARROW_RETURN_NOT_OK(CheckBatch(*batch, stream->size()));
  return batch;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadOneBatch(std::shared_ptr<arrow::Buffer> bytes) {
  const int64_t size = bytes->size();
  if (size == 0) return arrow::Status::Invalid("there is no record batch, and there must be one");
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::ipc::RecordBatchStreamReader::Open(
                            std::make_unique<PlainMessages>(std::move(bytes)), WireReadOptions()));
  ARROW_RETURN_NOT_OK(CheckSchema(*reader->schema()));
  ARROW_ASSIGN_OR_RAISE(auto batch, reader->Next());
  if (batch == nullptr) return arrow::Status::Invalid("there is no record batch, and there must be one");
  ARROW_ASSIGN_OR_RAISE(const auto second, reader->Next());
  if (second != nullptr) {
    return arrow::Status::Invalid("there is more than one record batch, and there must be one");
  }
  ARROW_RETURN_NOT_OK(CheckBatch(*batch, size));
  return batch;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadOneBatch(const std::shared_ptr<arrow::Buffer>& bytes,
                                                                WireSchemas& known) {
  if (auto batch = ReadKnown(bytes, known); batch.ok() && *batch != nullptr) return batch;
  ARROW_ASSIGN_OR_RAISE(auto batch, ReadOneBatch(bytes));
  const auto schema_message = SchemaMessageOf(*bytes);
  const bool plain = arrow::ipc::DictionaryFieldMapper(*batch->schema()).num_dicts() == 0;
  if (plain && !schema_message.empty()) known.Remember(schema_message, batch->schema());
  return batch;
}

// Calls into Arrow with bytes from outside: what it throws is an error like others.
template <class Function>
auto GuardedArrow(std::string_view doing, Function function)
    -> Result<typename decltype(function())::ValueType> {
  try {
    auto result = function();
    if (!result.ok()) return InvalidArrow(doing, result.status());
    return std::move(result).ValueUnsafe();
  } catch (const std::exception& exception) {
    return InvalidArrow(doing, arrow::Status::Invalid(exception.what()));
  }
}

// Somebody else's bytes, who lives as long as the buffer.
class OwnedBytes final : public arrow::Buffer {
 public:
  OwnedBytes(std::string_view bytes, std::shared_ptr<const void> owner)
      : arrow::Buffer(bytes), owner_(std::move(owner)) {}

 private:
  const std::shared_ptr<const void> owner_;
};

Result<std::string> SchemaMessage(const arrow::Schema& schema) {
  const auto bytes = arrow::ipc::SerializeSchema(schema);
  if (!bytes.ok()) return InvalidArrow("schema encode", bytes.status());
  return (*bytes)->ToString();
}

size_t LengthDelimited(int number, size_t size) {
  return WireFormatLite::TagSize(number, WireFormatLite::TYPE_BYTES) + CodedOutputStream::VarintSize64(size) +
         size;
}

uint8_t* WriteHead(int number, size_t size, uint8_t* at) {
  at = WireFormatLite::WriteTagToArray(number, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, at);
  return CodedOutputStream::WriteVarint64ToArray(size, at);
}

// A slice that keeps the buffer alive.
grpc::Slice ToSlice(std::shared_ptr<arrow::Buffer> buffer) {
  auto* owner = new std::shared_ptr<arrow::Buffer>(std::move(buffer));
  return {const_cast<uint8_t*>((*owner)->data()), static_cast<size_t>((*owner)->size()),
          [](void* held) { delete static_cast<std::shared_ptr<arrow::Buffer>*>(held); }, owner};
}

}  // namespace

Result<std::string> EncodeWireSchema(const arrow::Schema& schema) {
  JAMMI_ASSIGN(auto bytes, SchemaMessage(schema));
  bytes += kEndOfStream;
  return bytes;
}

Result<std::shared_ptr<arrow::Schema>> DecodeWireSchema(std::string_view bytes) {
  if (bytes.empty()) return Error(ErrorCode::kInvalidArgument, "schema is required");
  return GuardedArrow("schema decode", [&] { return ReadSchema(bytes); });
}

Result<std::string> EncodeWireBatch(const arrow::RecordBatch& batch) {
  const auto stream = GuardedArrow("batch encode", [&]() -> arrow::Result<std::shared_ptr<arrow::Buffer>> {
    ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(const auto writer,
                          arrow::ipc::MakeStreamWriter(out.get(), batch.schema(), WriteOptions()));
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
    ARROW_RETURN_NOT_OK(writer->Close());
    return out->Finish();
  });
  if (!stream) return stream.error();
  return (*stream)->ToString();
}

Result<std::shared_ptr<arrow::RecordBatch>> DecodeWireBatch(std::string_view header, std::string_view body,
                                                            std::shared_ptr<const void> owner,
                                                            WireSchemas* known) {
  std::shared_ptr<arrow::Buffer> bytes;
  if (header.empty() || body.empty()) {
    bytes = std::make_shared<OwnedBytes>(header.empty() ? body : header, std::move(owner));
  } else {
    std::string joined;
    joined.reserve(header.size() + body.size());
    joined.append(header).append(body);
    bytes = arrow::Buffer::FromString(std::move(joined));
  }
  return GuardedArrow("batch decode", [&] {
    return known == nullptr ? ReadOneBatch(std::move(bytes)) : ReadOneBatch(bytes, *known);
  });
}

Result<ArrowBatchFrame> ArrowBatchFrame::Make(const arrow::Schema& schema) {
  JAMMI_ASSIGN(auto message, SchemaMessage(schema));
  return ArrowBatchFrame(std::move(message));
}

grpc::ByteBuffer ArrowBatchFrame::Encode(const google::protobuf::MessageLite& rest, int number,
                                         std::shared_ptr<arrow::Buffer> messages) const {
  constexpr int kBody = v1::trigger::ArrowBatch::kDataBodyFieldNumber;
  const size_t stream = schema_.size() + static_cast<size_t>(messages->size()) + kEndOfStream.size();
  const size_t batch = LengthDelimited(kBody, stream);
  const size_t rest_size = rest.ByteSizeLong();
  grpc::Slice head(rest_size + LengthDelimited(number, batch) - stream + schema_.size());
  auto* at = const_cast<uint8_t*>(head.begin());
  at = rest.SerializeWithCachedSizesToArray(at);
  at = WriteHead(number, batch, at);
  at = WriteHead(kBody, stream, at);
  CodedOutputStream::WriteRawToArray(schema_.data(), static_cast<int>(schema_.size()), at);
  const grpc::Slice slices[] = {
      std::move(head), ToSlice(std::move(messages)),
      grpc::Slice(kEndOfStream.data(), kEndOfStream.size(), grpc::Slice::STATIC_SLICE)};
  return {slices, std::size(slices)};
}

}  // namespace jammi
