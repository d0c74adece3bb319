// A jammi-server of a test's own, as a process: on free loopback ports.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace jammi::test {

// One thread may read its lines while another does all the rest.
class ServerProcess {
 public:
  struct Options {
    std::string program;
    // With JAMMI_ARTIFACT_DIR where the state is to live; no others are handed on.
    std::map<std::string, std::string> variables;
    std::vector<std::string> arguments = {};
  };

  // Returns when the server says that it is ready. Throws std::runtime_error, with what it said, if it ends.
  explicit ServerProcess(const Options& options);

  // "127.0.0.1:41234"
  [[nodiscard]] const std::string& flight() const { return flight_; }
  [[nodiscard]] const std::string& health() const { return health_; }
  // What it wrote until it was ready, the ready line last.
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }

  [[nodiscard]] ChildProcess& process() { return process_; }
  // SIGTERM, and its exit code.
  int Stop();

 private:
  ChildProcess process_;
  std::vector<std::string> lines_;
  std::string flight_;
  std::string health_;
};

}  // namespace jammi::test
