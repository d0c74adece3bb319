// Checks of what callers give to the verbs of the catalog.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

// kInvalidArgument: "<field> <why>".
[[nodiscard]] Error InvalidArgument(std::string_view field, std::string_view why);

// UTF-8 of `least` to `most` bytes, without U+0000.
[[nodiscard]] Result<void> CheckText(std::string_view field, std::string_view text, size_t least,
                                     size_t most);
[[nodiscard]] Result<void> CheckOptionalText(std::string_view field, const std::optional<std::string>& text,
                                             size_t least, size_t most);

// The text of one JSON value, of at most `most` bytes and 128 levels of nesting.
[[nodiscard]] Result<void> CheckJson(std::string_view field, std::string_view text, size_t most);
// The same; the value is an object.
[[nodiscard]] Result<void> CheckJsonObject(std::string_view field, std::string_view text, size_t most);

// 1 to kMaxPageSize.
[[nodiscard]] Result<void> CheckPageSize(int page_size);
// The same, of what one call does.
[[nodiscard]] Result<void> CheckLimit(int limit);

}  // namespace jammi
