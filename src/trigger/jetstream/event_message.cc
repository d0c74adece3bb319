#include "trigger/jetstream/event_message.h"

#include <arrow/buffer.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/options.h>
#include <arrow/ipc/reader.h>
#include <arrow/ipc/writer.h>
#include <arrow/record_batch.h>
#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "trigger/topic_schema.h"

namespace jammi {
namespace {

Error Unreadable(std::string why) {
  return Error(ErrorCode::kDataLoss, std::move(why), BrokerDetail{"jet_stream"});
}

template <class Number>
std::optional<Number> ReadNumber(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <class Number>
Result<Number> ReadHeader(const nats::Message& message, const char* name) {
  const auto text = message.Header(name);
  if (!text) return Unreadable(fmt::format("it has no header {}", name));
  const auto number = ReadNumber<Number>(*text);
  if (!number) return Unreadable(fmt::format("its header {} is no number", name));
  return *number;
}

// Keeps the message as long as somebody looks at its bytes.
class MessageBuffer final : public arrow::Buffer {
 public:
  explicit MessageBuffer(std::shared_ptr<const nats::Message> message)
      : arrow::Buffer(reinterpret_cast<const uint8_t*>(message->body().data()),
                      static_cast<int64_t>(message->body().size())),
        message_(std::move(message)) {}

 private:
  const std::shared_ptr<const nats::Message> message_;
};

// Arrow wants its buffers at multiples of 8, and a message's body lies where it happens to.
Result<std::shared_ptr<arrow::Buffer>> AlignedBody(const std::shared_ptr<const nats::Message>& message) {
  std::shared_ptr<arrow::Buffer> body = std::make_shared<MessageBuffer>(message);
  if (reinterpret_cast<uintptr_t>(body->data()) % 8 == 0) return body;
  auto copy = body->CopySlice(0, body->size());
  if (!copy.ok()) return Unreadable(copy.status().message());
  return *copy;
}

arrow::Result<std::shared_ptr<arrow::RecordBatch>> ReadOnlyBatch(std::shared_ptr<arrow::Buffer> body) {
  auto options = arrow::ipc::IpcReadOptions::Defaults();
  options.use_threads = false;
  ARROW_ASSIGN_OR_RAISE(auto reader,
                        arrow::ipc::RecordBatchStreamReader::Open(
                            std::make_shared<arrow::io::BufferReader>(std::move(body)), options));
  std::shared_ptr<arrow::RecordBatch> batch;
  ARROW_RETURN_NOT_OK(reader->ReadNext(&batch));
  if (batch == nullptr) return arrow::Status::Invalid("there is no batch in it");
  std::shared_ptr<arrow::RecordBatch> more;
  ARROW_RETURN_NOT_OK(reader->ReadNext(&more));
  if (more != nullptr) return arrow::Status::Invalid("there is more than one batch in it");
  ARROW_RETURN_NOT_OK(batch->ValidateFull());
  return batch;
}

}  // namespace

std::string StreamNameOf(const TopicId& topic) { return "jammi_topic_" + topic.ToHex(); }
std::string SubjectOf(const TopicId& topic) { return fmt::format("jammi.topic.{}.batch", topic.ToHex()); }

Result<std::shared_ptr<arrow::Buffer>> EncodeBody(const arrow::RecordBatch& batch) {
  const auto encode = [&]() -> arrow::Result<std::shared_ptr<arrow::Buffer>> {
    auto options = arrow::ipc::IpcWriteOptions::Defaults();
    options.use_threads = false;
    ARROW_ASSIGN_OR_RAISE(auto out, arrow::io::BufferOutputStream::Create());
    ARROW_ASSIGN_OR_RAISE(auto writer, arrow::ipc::MakeStreamWriter(out.get(), batch.schema(), options));
    ARROW_RETURN_NOT_OK(writer->WriteRecordBatch(batch));
    ARROW_RETURN_NOT_OK(writer->Close());
    return out->Finish();
  };
  auto encoded = encode();
  if (!encoded.ok()) return Error(ErrorCode::kInvalidArgument, encoded.status().message());
  return *encoded;
}

nats::Headers EventHeaders(const TopicId& topic, std::string_view publisher, const EventPlace& place) {
  nats::Headers headers = {
      {kMessageIdHeader, fmt::format("{}:{}:{}", publisher, topic.ToString(), place.offset)},
      {kOffsetHeader, std::to_string(place.offset)},
      {kProducedAtHeader, std::to_string(place.produced_at)}};
  if (place.tenant) headers.emplace_back(kTenantHeader, place.tenant->ToString());
  return headers;
}

Result<void> CheckSomeVersion(std::string_view topic, const arrow::Schema& schema,
                              const arrow::Schema& actual) {
  if (IsGrowthOf(schema, actual) || IsGrowthOf(actual, schema)) return {};
  return CheckBatchSchema(topic, schema, actual);
}

std::optional<uint64_t> OffsetOf(const nats::Message& message) {
  const auto text = message.Header(kOffsetHeader);
  return text ? ReadNumber<uint64_t>(*text) : std::nullopt;
}

Result<EventPlace> ReadPlace(const nats::Message& message) {
  EventPlace place;
  JAMMI_ASSIGN(place.offset, ReadHeader<uint64_t>(message, kOffsetHeader));
  JAMMI_ASSIGN(place.produced_at, ReadHeader<int64_t>(message, kProducedAtHeader));
  if (place.offset >= uint64_t{1} << 63)
    return Unreadable(fmt::format("its header {} is larger than an offset can be", kOffsetHeader));
  if (const auto tenant = message.Header(kTenantHeader)) {
    const auto parsed = TenantId::Parse(*tenant);
    if (!parsed) return Unreadable(fmt::format("its header {} is no tenant", kTenantHeader));
    place.tenant = *parsed;
  }
  return place;
}

Result<std::shared_ptr<arrow::RecordBatch>> ReadBatch(const std::shared_ptr<const nats::Message>& message,
                                                      const arrow::Schema& schema) {
  if (const auto bytes = message->Header(kOmittedHeader)) {
    return Unreadable(
        fmt::format("its batch of {} bytes was left out: the server takes no message so large", *bytes));
  }
  JAMMI_ASSIGN(auto body, AlignedBody(message));
  auto batch = ReadOnlyBatch(std::move(body));
  if (!batch.ok()) return Unreadable(batch.status().message());
  const auto fits = CheckSomeVersion("the topic", schema, *(*batch)->schema());
  if (!fits) return Unreadable(fits.error().message());
  return (*batch)->ReplaceSchemaMetadata(nullptr);
}

}  // namespace jammi
