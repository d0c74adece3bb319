// Where a page of a list ended, as text for the caller who will ask for the next one (keyset paging).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "jammi/result.h"

namespace jammi {

using PageField = std::variant<int64_t, std::string>;

// Hexadecimal, led by a checksum: a token that was cut, altered, or is another list's is refused instead
// of leading elsewhere. Put no tenant into it.
[[nodiscard]] std::string EncodePageToken(std::string_view list, const std::vector<PageField>& position);

// The fields, as many and of such types as `shape` has letters: 'i' integer, 's' text.
// Errors: kInvalidArgument.
[[nodiscard]] Result<std::vector<PageField>> DecodePageToken(std::string_view list, std::string_view shape,
                                                             std::string_view token);

}  // namespace jammi
