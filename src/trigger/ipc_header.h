// What the header of an Arrow IPC message says that Arrow's own interface keeps to itself: how many field
// nodes a record batch has, which dictionary a dictionary message is, and whether a body is compressed.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <optional>

namespace jammi {

// `metadata` is a message's header as arrow::ipc::Message::Open() accepted it. Nothing outside of it is
// read, whatever its bytes are. Absent: it is the header of something else.
[[nodiscard]] std::optional<int64_t> FieldNodes(const arrow::Buffer& metadata);
[[nodiscard]] std::optional<int64_t> DictionaryId(const arrow::Buffer& metadata);
// Of a record batch or a dictionary; false for anything else.
[[nodiscard]] bool IsCompressed(const arrow::Buffer& metadata);

}  // namespace jammi
