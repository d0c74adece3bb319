// Where a reader of a topic begins: "begin", "end" or an offset.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

// nullopt: the end. Errors: kInvalidArgument.
[[nodiscard]] Result<std::optional<uint64_t>> ParseStart(std::string_view text);

}  // namespace jammi
