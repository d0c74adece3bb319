// jammi-server as a process of a test, and what it uses.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/child_process.h"

namespace jammi::test {

// On free ports of the loopback address. Throws if there is no ready line.
class LoadedServer {
 public:
  explicit LoadedServer(const std::filesystem::path& artifacts);

  [[nodiscard]] const std::string& target() const { return target_; }
  // What the kernel says of it now.
  [[nodiscard]] uint64_t ResidentBytes() const;
  struct Descriptors {
    size_t sockets = 0;
    size_t others = 0;
  };
  [[nodiscard]] Descriptors OpenDescriptors() const;
  // Asks it to end; its exit code.
  int Stop();

 private:
  ChildProcess process_;
  std::string target_;
};

}  // namespace jammi::test
