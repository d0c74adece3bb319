// Lists as they stand in options: "a,b,c".
#pragma once

#include <string_view>
#include <vector>

namespace jammi {

// The parts between the separators, without blanks around them; one at least, which may be empty.
[[nodiscard]] std::vector<std::string_view> SplitList(std::string_view text, char separator);

}  // namespace jammi
