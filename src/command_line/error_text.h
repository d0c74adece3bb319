// How a program tells its errors.
#pragma once

#include <iosfwd>
#include <string_view>

namespace jammi {

// Is the standard output (or the standard error) a terminal whose user has not asked for plain text
// (NO_COLOR)?
[[nodiscard]] bool IsDecorated(int descriptor);

// "Error: <text>" (CLI-004)
void PrintError(std::ostream& err, std::string_view text);

}  // namespace jammi
