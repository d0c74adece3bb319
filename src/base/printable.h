// Text of others as it may be shown.
#pragma once

#include <string>
#include <string_view>

namespace jammi {

// Control characters, which a terminal would obey, and bytes that are no UTF-8 become "\x1b".
[[nodiscard]] std::string Printable(std::string_view text);

}  // namespace jammi
