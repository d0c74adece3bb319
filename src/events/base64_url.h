// Bytes as text for URLs and file names: base64url of RFC 4648, section 5.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jammi::events {

// Without padding.
[[nodiscard]] std::string ToBase64Url(std::string_view bytes);
// Padding may be there. nullopt: another character, stray bits at the end, or a length that no bytes have.
// The result is made in one piece, so that whoever wipes it has wiped all.
[[nodiscard]] std::optional<std::string> FromBase64Url(std::string_view text);

}  // namespace jammi::events
