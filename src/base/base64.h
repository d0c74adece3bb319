// Bytes as text: RFC 4648, with padding.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jammi {

[[nodiscard]] std::string ToBase64(std::string_view bytes);
// nullopt: it is not what ToBase64() makes.
[[nodiscard]] std::optional<std::string> FromBase64(std::string_view text);

}  // namespace jammi
