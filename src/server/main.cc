#include <iostream>

#include "command_line/standard_streams.h"
#include "server/process.h"

int main(int argc, char** argv) {
  jammi::OpenMissingStreams();
  return jammi::RunServer(argc, argv, std::cout, std::cerr);
}
