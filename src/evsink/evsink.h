// The command line `evsink`.
#pragma once

#include <iosfwd>

#include "evsink/stop.h"
#include "jammi/environment.h"

namespace jammi::evsink {

struct Surroundings {
  int in;  // a file descriptor
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal;
  bool err_is_terminal;
  const Environment& environment;
  const Stop& stop;
};

// Runs what the arguments (argv[0] is the program) ask for: results on `out`, everything else on `err`.
// Returns the exit code (docs/event-sink.md).
[[nodiscard]] int RunEvsink(int argc, const char* const* argv, const Surroundings& surroundings);

}  // namespace jammi::evsink
