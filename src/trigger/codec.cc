#include "trigger/codec.h"

#include <arrow/array.h>
#include <arrow/buffer.h>
#include <arrow/builder.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/dictionary.h>
#include <arrow/ipc/message.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>
#include <arrow/type_traits.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <vector>

#include "base/hash.h"

namespace jammi {
namespace {

constexpr int kAlignment = 64;
// Before each message: 0xFFFFFFFF, then the length of its metadata.
constexpr uint32_t kContinuation = 0xFFFFFFFF;
constexpr int64_t kPrefixBytes = 8;

arrow::ipc::IpcWriteOptions WriteOptions() {
  auto options = arrow::ipc::IpcWriteOptions::Defaults();
  options.alignment = kAlignment;
  options.use_threads = false;
  options.metadata_version = arrow::ipc::MetadataVersion::V5;
  return options;
}

arrow::ipc::IpcReadOptions ReadOptions() {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  return options;
}

Error Invalid(std::string message) { return Error(ErrorCode::kInvalidArgument, std::move(message)); }
Error Damaged(std::string_view what) {
  return Error(ErrorCode::kDataLoss, fmt::format("stored event is damaged: {}", what));
}

bool IsView(const arrow::DataType& type) {
  return arrow::is_binary_view_like(type) || arrow::is_list_view(type);
}
bool IsDictionary(const arrow::DataType& type) { return type.id() == arrow::Type::DICTIONARY; }

// Is there a type like that in `type`, at any level above dictionaries?
bool Contains(const arrow::DataType& type, bool (*like)(const arrow::DataType&)) {
  return like(type) || std::ranges::any_of(type.fields(),
                                           [&](const auto& child) { return Contains(*child->type(), like); });
}

// IPC writes all that views could point at, whatever they do point at. Copied one by one they bring only
// what they show.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> CopyViews(const arrow::RecordBatch& batch,
                                                             const std::vector<int>& view_columns) {
  auto columns = batch.columns();
  for (const int i : view_columns) {
    ARROW_ASSIGN_OR_RAISE(auto builder, arrow::MakeBuilderExactIndex(columns[i]->type()));
    ARROW_RETURN_NOT_OK(builder->AppendArraySlice(*columns[i]->data(), 0, batch.num_rows()));
    ARROW_ASSIGN_OR_RAISE(columns[i], builder->Finish());
  }
  return arrow::RecordBatch::Make(batch.schema(), batch.num_rows(), std::move(columns));
}

Result<void> CheckNulls(const arrow::RecordBatch& batch) {
  for (int i = 0; i < batch.num_columns(); ++i) {
    const auto& field = *batch.schema()->field(i);
    const int64_t nulls = field.nullable() ? 0 : batch.column(i)->null_count();
    if (nulls > 0)
      return Invalid(fmt::format("column '{}' may not be null, and {} of its rows are", field.name(), nulls));
  }
  return {};
}

// The messages of `batch`, in the order in which they are written.
arrow::Result<std::vector<arrow::ipc::IpcPayload>> Messages(const arrow::RecordBatch& batch,
                                                            bool dictionaries,
                                                            const arrow::ipc::IpcWriteOptions& options) {
  std::vector<arrow::ipc::IpcPayload> messages;
  if (dictionaries) {
    const arrow::ipc::DictionaryFieldMapper mapper(*batch.schema());
    ARROW_ASSIGN_OR_RAISE(const auto found, arrow::ipc::CollectDictionaries(batch, mapper));
    for (const auto& [id, dictionary] : found) {
      ARROW_RETURN_NOT_OK(
          arrow::ipc::GetDictionaryPayload(id, dictionary, options, &messages.emplace_back()));
    }
  }
  ARROW_RETURN_NOT_OK(arrow::ipc::GetRecordBatchPayload(batch, options, &messages.emplace_back()));
  return messages;
}

arrow::Result<std::shared_ptr<arrow::Buffer>> Write(const std::vector<arrow::ipc::IpcPayload>& messages,
                                                    int64_t size,
                                                    const arrow::ipc::IpcWriteOptions& options) {
  ARROW_ASSIGN_OR_RAISE(std::shared_ptr<arrow::Buffer> buffer, arrow::AllocateBuffer(size));
  arrow::io::FixedSizeBufferWriter out(buffer);
  for (const auto& message : messages) {
    int32_t metadata_length = 0;
    ARROW_RETURN_NOT_OK(arrow::ipc::WriteIpcPayload(message, options, &out, &metadata_length));
  }
  return buffer;
}

// Cuts the next message off `payload`, at `*at`. Verifies its metadata and that its body is there.
Result<std::unique_ptr<arrow::ipc::Message>> NextMessage(const std::shared_ptr<arrow::Buffer>& payload,
                                                         int64_t* at) {
  const int64_t left = payload->size() - *at;
  if (left < kPrefixBytes) return Damaged("it ends inside a message's prefix");
  uint32_t continuation = 0;
  int32_t metadata_size = 0;
  std::memcpy(&continuation, payload->data() + *at, sizeof continuation);
  std::memcpy(&metadata_size, payload->data() + *at + sizeof continuation, sizeof metadata_size);
  if (continuation != kContinuation) return Damaged("a message does not begin where it must");
  if (metadata_size <= 0 || metadata_size > left - kPrefixBytes)
    return Damaged("a message's metadata is cut off");

  auto metadata = arrow::SliceBuffer(payload, *at + kPrefixBytes, metadata_size);
  const int64_t body_at = *at + kPrefixBytes + metadata_size;
  const int64_t body_left = payload->size() - body_at;
  auto message = arrow::ipc::Message::Open(metadata, arrow::SliceBuffer(payload, body_at, body_left));
  if (!message.ok()) return Damaged(message.status().message());
  const int64_t body_size = (*message)->body_length();
  if (body_size < 0 || body_size > body_left) return Damaged("a message's body is cut off");
  *at = body_at + body_size;
  if (body_size != body_left) {
    message = arrow::ipc::Message::Open(metadata, arrow::SliceBuffer(payload, body_at, body_size));
    if (!message.ok()) return Damaged(message.status().message());
  }
  return std::move(message).ValueUnsafe();
}

using Messages_ = std::deque<std::unique_ptr<arrow::ipc::Message>>;

// Hands Arrow's stream reader messages that are in memory already.
class QueuedMessages final : public arrow::ipc::MessageReader {
 public:
  explicit QueuedMessages(Messages_ messages) : messages_(std::move(messages)) {}
  arrow::Result<std::unique_ptr<arrow::ipc::Message>> ReadNextMessage() override {
    if (messages_.empty()) return nullptr;
    auto next = std::move(messages_.front());
    messages_.pop_front();
    return next;
  }

 private:
  Messages_ messages_;
};

Result<Messages_> Split(const std::shared_ptr<arrow::Buffer>& payload) {
  Messages_ messages;
  for (int64_t at = 0; at < payload->size();) {
    JAMMI_ASSIGN(auto message, NextMessage(payload, &at));
    messages.push_back(std::move(message));
  }
  if (messages.empty()) return Damaged("it is empty");
  return messages;
}

// With dictionaries, through the stream reader: only it knows how to put nested ones together.
arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadWithDictionaries(
    Messages_ messages, const std::shared_ptr<arrow::Buffer>& schema_message) {
  arrow::io::BufferReader schema_stream(schema_message);
  ARROW_ASSIGN_OR_RAISE(auto schema, arrow::ipc::ReadMessage(&schema_stream));
  messages.push_front(std::move(schema));
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::ipc::RecordBatchStreamReader::Open(
                            std::make_unique<QueuedMessages>(std::move(messages)), ReadOptions()));
  return reader->Next();
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadPlain(const Messages_& messages,
                                                             const std::shared_ptr<arrow::Schema>& schema) {
  if (messages.size() != 1) return arrow::Status::Invalid("more than one message");
  return arrow::ipc::ReadRecordBatch(*messages.front(), schema, nullptr, ReadOptions());
}

}  // namespace

Result<std::string> EncodeSchema(const arrow::Schema& schema) {
  auto bytes = arrow::ipc::SerializeSchema(schema);
  if (!bytes.ok())
    return Invalid(fmt::format("the topic's schema cannot be stored: {}", bytes.status().message()));
  return (*bytes)->ToString();
}

Result<std::shared_ptr<arrow::Schema>> DecodeSchema(std::string_view bytes) {
  arrow::io::BufferReader stream(std::make_shared<arrow::Buffer>(bytes));
  arrow::ipc::DictionaryMemo dictionaries;
  auto schema = arrow::ipc::ReadSchema(&stream, &dictionaries);
  if (!schema.ok()) {
    return Error(ErrorCode::kDataLoss,
                 fmt::format("stored schema is damaged: {}", schema.status().message()));
  }
  return std::move(schema).ValueUnsafe();
}

Result<EventCodec> EventCodec::Make(std::shared_ptr<arrow::Schema> schema) {
  JAMMI_ASSIGN(auto message, EncodeSchema(*schema));
  return EventCodec(std::move(schema), arrow::Buffer::FromString(std::move(message)));
}

EventCodec::EventCodec(std::shared_ptr<arrow::Schema> schema, std::shared_ptr<arrow::Buffer> schema_message)
    : schema_(std::move(schema)), schema_message_(std::move(schema_message)) {
  for (int i = 0; i < schema_->num_fields(); ++i) {
    const auto& type = *schema_->field(i)->type();
    const bool dictionaries = Contains(type, IsDictionary);
    has_dictionaries_ = has_dictionaries_ || dictionaries;
    // Copying would renumber a dictionary.
    if (!dictionaries && Contains(type, IsView)) view_columns_.push_back(i);
  }
}

Result<EventCodec::Encoded> EventCodec::Encode(const arrow::RecordBatch& batch, int64_t max_bytes) const {
  if (const auto valid = batch.ValidateFull(); !valid.ok()) {
    return Invalid(fmt::format("the batch is not valid Arrow data: {}", valid.message()));
  }
  JAMMI_TRY(CheckNulls(batch));

  const auto shown = CopyViews(batch, view_columns_);
  if (!shown.ok()) return Invalid(fmt::format("the batch cannot be encoded: {}", shown.status().message()));
  const auto options = WriteOptions();
  const auto messages = Messages(**shown, has_dictionaries_, options);
  if (!messages.ok())
    return Invalid(fmt::format("the batch cannot be encoded: {}", messages.status().message()));
  int64_t size = 0;
  for (const auto& message : *messages) size += arrow::ipc::GetPayloadSize(message, options);
  if (size > max_bytes) {
    return Invalid(
        fmt::format("the batch takes {} bytes encoded, more than the limit of {}", size, max_bytes));
  }
  auto payload = Write(*messages, size, options);
  if (!payload.ok()) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("no memory for an event of {} bytes: {}", size, payload.status().message()));
  }
  const uint64_t checksum = Checksum({(*payload)->data(), static_cast<size_t>(size)});
  return Encoded{std::move(payload).ValueUnsafe(), checksum};
}

Result<std::shared_ptr<arrow::RecordBatch>> EventCodec::Decode(const std::shared_ptr<arrow::Buffer>& payload,
                                                               int64_t row_count) const {
  JAMMI_ASSIGN(auto messages, Split(payload));
  auto read = has_dictionaries_ ? ReadWithDictionaries(std::move(messages), schema_message_)
                                : ReadPlain(messages, schema_);
  if (!read.ok()) return Damaged(read.status().message());
  auto batch = std::move(read).ValueUnsafe();
  if (batch == nullptr) return Damaged("no record batch in it");
  if (batch->num_rows() != row_count) {
    return Damaged(fmt::format("{} rows instead of {}", batch->num_rows(), row_count));
  }
  // The messages' own checks end at the buffers' bounds; offsets, views and indices point inside them.
  if (const auto valid = batch->ValidateFull(); !valid.ok()) return Damaged(valid.message());
  return batch;
}

}  // namespace jammi
