#include "trigger/ipc_header.h"

#include <arrow/buffer.h>
#include <arrow/ipc/message.h>

#include <cstring>

namespace jammi {
namespace {

// Arrow's Message.fbs: values of the union MessageHeader, and the places of fields in their tables.
constexpr uint32_t kContinuation = 0xFFFFFFFF;
constexpr uint8_t kDictionaryBatch = 2;
constexpr uint8_t kRecordBatch = 3;
constexpr int kMessageHeaderType = 1;
constexpr int kMessageHeader = 2;
constexpr int kRecordBatchNodes = 1;
constexpr int kRecordBatchCompression = 3;
constexpr int kDictionaryBatchId = 0;
constexpr int kDictionaryBatchData = 1;  // a record batch

// A flatbuffer: little-endian; a table begins with the distance back to its list of field places.
class Flatbuffer {
 public:
  explicit Flatbuffer(const arrow::Buffer& bytes) : data_(bytes.data()), size_(bytes.size()) {}

  template <class T>
  [[nodiscard]] std::optional<T> Read(int64_t at) const {
    if (at < 0 || at > size_ - static_cast<int64_t>(sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, data_ + at, sizeof value);
    return value;
  }

  // Where the reference at `at` leads.
  [[nodiscard]] std::optional<int64_t> Follow(int64_t at) const {
    const auto distance = Read<uint32_t>(at);
    return distance ? std::optional(at + *distance) : std::nullopt;
  }

  // Where a field of a table lies; absent: it has its default.
  [[nodiscard]] std::optional<int64_t> Field(int64_t table, int number) const {
    const auto back = Read<int32_t>(table);
    if (!back) return std::nullopt;
    const int64_t places = table - *back;
    const auto places_size = Read<uint16_t>(places);
    const int64_t entry = 4 + 2 * number;
    if (!places_size || entry + 2 > *places_size) return std::nullopt;
    const auto place = Read<uint16_t>(places + entry);
    return place && *place != 0 ? std::optional(table + *place) : std::nullopt;
  }

 private:
  const uint8_t* data_;
  int64_t size_;
};

// The table that the message carries, if it is of that kind.
std::optional<int64_t> Header(const Flatbuffer& message, uint8_t kind) {
  const auto root = message.Follow(0);
  if (!root) return std::nullopt;
  const auto type = message.Field(*root, kMessageHeaderType);
  if (!type || message.Read<uint8_t>(*type) != kind) return std::nullopt;
  const auto header = message.Field(*root, kMessageHeader);
  return header ? message.Follow(*header) : std::nullopt;
}

}  // namespace

arrow::Result<int64_t> MetadataSize(const arrow::Buffer& bytes, int64_t at) {
  const int64_t left = bytes.size() - at;
  if (left < kMessagePrefixBytes) return arrow::Status::Invalid("it ends inside a message's prefix");
  uint32_t continuation = 0;
  int32_t size = 0;
  std::memcpy(&continuation, bytes.data() + at, sizeof continuation);
  std::memcpy(&size, bytes.data() + at + sizeof continuation, sizeof size);
  if (continuation != kContinuation) return arrow::Status::Invalid("a message does not begin where it must");
  if (size <= 0 || size > left - kMessagePrefixBytes)
    return arrow::Status::Invalid("a message's metadata is cut off");
  return size;
}

arrow::Result<std::unique_ptr<arrow::ipc::Message>> NextMessage(const std::shared_ptr<arrow::Buffer>& bytes,
                                                                int64_t* at) {
  ARROW_ASSIGN_OR_RAISE(const int64_t metadata_size, MetadataSize(*bytes, *at));
  const auto metadata = arrow::SliceBuffer(bytes, *at + kMessagePrefixBytes, metadata_size);
  const int64_t body_at = *at + kMessagePrefixBytes + metadata_size;
  const int64_t body_left = bytes->size() - body_at;
  ARROW_ASSIGN_OR_RAISE(auto message,
                        arrow::ipc::Message::Open(metadata, arrow::SliceBuffer(bytes, body_at, body_left)));
  const int64_t body_size = message->body_length();
  if (body_size < 0 || body_size > body_left) return arrow::Status::Invalid("a message's body is cut off");
  *at = body_at + body_size;
  if (body_size == body_left) return message;
  return arrow::ipc::Message::Open(metadata, arrow::SliceBuffer(bytes, body_at, body_size));
}

std::optional<int64_t> FieldNodes(const arrow::Buffer& metadata) {
  const Flatbuffer message(metadata);
  const auto batch = Header(message, kRecordBatch);
  if (!batch) return std::nullopt;
  const auto nodes = message.Field(*batch, kRecordBatchNodes);
  if (!nodes) return 0;
  const auto list = message.Follow(*nodes);
  const auto count = list ? message.Read<uint32_t>(*list) : std::nullopt;
  return count ? std::optional<int64_t>(*count) : std::nullopt;
}

std::optional<int64_t> DictionaryId(const arrow::Buffer& metadata) {
  const Flatbuffer message(metadata);
  const auto dictionary = Header(message, kDictionaryBatch);
  if (!dictionary) return std::nullopt;
  const auto id = message.Field(*dictionary, kDictionaryBatchId);
  return id ? message.Read<int64_t>(*id) : std::optional<int64_t>(0);
}

bool IsCompressed(const arrow::Buffer& metadata) {
  const Flatbuffer message(metadata);
  auto batch = Header(message, kRecordBatch);
  if (const auto dictionary = Header(message, kDictionaryBatch)) {
    const auto data = message.Field(*dictionary, kDictionaryBatchData);
    batch = data ? message.Follow(*data) : std::nullopt;
  }
  return batch && message.Field(*batch, kRecordBatchCompression);
}

}  // namespace jammi
