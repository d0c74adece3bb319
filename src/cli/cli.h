// The command line `jammi`.
#pragma once

#include <iosfwd>

namespace jammi {

// Runs what the arguments (argv[0] is the program) ask for: results on `out`, errors on `err`. Returns
// the exit code: 0 done, 1 what was asked failed, 2 wrong usage.
[[nodiscard]] int RunCli(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace jammi
