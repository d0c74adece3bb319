#include "command_line/error_text.h"

#include <unistd.h>

#include <cstdlib>
#include <ostream>

#include "base/printable.h"

namespace jammi {

bool IsDecorated(int descriptor) {
  const char* plain = std::getenv("NO_COLOR");
  return (plain == nullptr || *plain == '\0') && ::isatty(descriptor) == 1;
}

void PrintError(std::ostream& err, std::string_view text) {
  err << (IsDecorated(STDERR_FILENO) ? "\x1b[1;31mError:\x1b[0m " : "Error: ") << Printable(text) << '\n';
}

}  // namespace jammi
