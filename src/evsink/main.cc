#include <unistd.h>

#include <csignal>
#include <iostream>

#include "command_line/standard_streams.h"
#include "evsink/evsink.h"
#include "evsink/stop.h"

int main(int argc, char** argv) {
  jammi::OpenMissingStreams();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, not the end of the process
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  const jammi::Environment environment = jammi::ProcessEnvironment();
  const jammi::evsink::Stop stop;
  return jammi::evsink::RunEvsink(argc, argv,
                                  {.in = STDIN_FILENO,
                                   .out = std::cout,
                                   .err = std::cerr,
                                   .out_is_terminal = ::isatty(STDOUT_FILENO) == 1,
                                   .err_is_terminal = ::isatty(STDERR_FILENO) == 1,
                                   .environment = environment,
                                   .stop = stop});
}
