#include <csignal>
#include <iostream>

#include "cli/cli.h"
#include "command_line/standard_streams.h"

int main(int argc, char** argv) {
  jammi::OpenMissingStreams();
  std::signal(SIGPIPE, SIG_IGN);  // a reader that goes away is a failed write, not the end of the process
  return jammi::RunCli(argc, argv, std::cout, std::cerr);
}
