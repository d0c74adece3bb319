// What the header of an Arrow IPC message says that Arrow's own interface keeps to itself: how many field
// nodes a record batch has, and which dictionary a dictionary message is.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <optional>

namespace jammi {

// `metadata` is a message's header as arrow::ipc::Message::Open() accepted it. Nothing outside of it is
// read, whatever its bytes are. Absent: it is the header of something else.
[[nodiscard]] std::optional<int64_t> FieldNodes(const arrow::Buffer& metadata);
[[nodiscard]] std::optional<int64_t> DictionaryId(const arrow::Buffer& metadata);

}  // namespace jammi
