// Arrow IPC messages in memory: cutting them off, and what their headers say that Arrow's own interface keeps
// to itself: how many field nodes a record batch has, which dictionary a dictionary message is, and whether a
// body is compressed.
#pragma once

#include <arrow/result.h>
#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>

namespace arrow::ipc {
class Message;
}

namespace jammi {

// Before each message: 0xFFFFFFFF, then the length of its metadata.
constexpr int64_t kMessagePrefixBytes = 8;
// The size of the metadata of the message at `at`. Nothing outside of `bytes` is read. Errors: Invalid, with
// what is wrong: no message begins there, or its metadata is cut off.
[[nodiscard]] arrow::Result<int64_t> MetadataSize(const arrow::Buffer& bytes, int64_t at);
// Cuts the next message off `bytes`, at `*at`. Verifies its metadata and that its body is there. Errors:
// those of MetadataSize() and of arrow::ipc::Message::Open(); Invalid: the body is cut off.
[[nodiscard]] arrow::Result<std::unique_ptr<arrow::ipc::Message>> NextMessage(
    const std::shared_ptr<arrow::Buffer>& bytes, int64_t* at);

// `metadata` is a message's header as arrow::ipc::Message::Open() accepted it. Nothing outside of it is
// read, whatever its bytes are. Absent: it is the header of something else.
[[nodiscard]] std::optional<int64_t> FieldNodes(const arrow::Buffer& metadata);
[[nodiscard]] std::optional<int64_t> DictionaryId(const arrow::Buffer& metadata);
// Of a record batch or a dictionary; false for anything else.
[[nodiscard]] bool IsCompressed(const arrow::Buffer& metadata);

}  // namespace jammi
