// The program jammi-server, from its arguments to its exit code (SRV-001, SRV-007...011).
#pragma once

#include <iosfwd>

namespace jammi {

// Serves until SIGINT or SIGTERM; or does what else the arguments (argv[0] is the program) ask for. Called
// before the process has other threads, and once: it takes the signals for itself and sets the process's log.
// The exit code: 0 done, 1 it could not start or what was asked failed, 2 wrong usage.
[[nodiscard]] int RunServer(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace jammi
