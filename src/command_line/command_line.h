// Arguments of a program: what CLI11 says about them, and what was probably meant.
#pragma once

#include <iosfwd>
#include <optional>

namespace CLI {  // NOLINT(readability-identifier-naming): it is theirs
class App;
}

namespace jammi {

// The exit code of every program of ours for a command line that is not understood.
inline constexpr int kWrongUsage = 2;

// Reads the arguments (argv[0] is the program) into `app`. nullopt: go on. Otherwise the program has
// answered, and ends with this code: 0 after help or version on `out`, kWrongUsage after a sentence on `err`
// that names what was not understood and the nearest word that would have been.
[[nodiscard]] std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv,
                                                  std::ostream& out, std::ostream& err);

// Of a program whose arguments go into messages that hold UTF-8 alone, when it has read them: nullopt if they
// are, else kWrongUsage after a sentence on `err` that names the argument and does not show it.
[[nodiscard]] std::optional<int> RefuseOtherThanUtf8(const CLI::App& app, std::ostream& err);

}  // namespace jammi
