// Where a reader of a topic begins: "begin", "end", an offset, or a time.
#pragma once

#include <string_view>

#include "jammi/ext/v1/streams.pb.h"
#include "jammi/result.h"

namespace jammi {

// How the options that ParseStart() reads show their values.
inline constexpr const char* kStartValues = "begin|end|OFFSET|TIME";

// Errors: kInvalidArgument.
[[nodiscard]] Result<ext::v1::Start> ParseStart(std::string_view text);

}  // namespace jammi
