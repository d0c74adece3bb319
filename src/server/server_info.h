// What the server says of itself (wire.md section 10).
#pragma once

#include <string>
#include <vector>

#include "jammi/config.h"

namespace jammi {

// The lists are sorted, without doubles.
struct ServerInfo {
  std::string version;
  std::vector<std::string> features;
  std::vector<std::string> storage_backends;
  std::vector<std::string> services;
  std::string broker;
};

[[nodiscard]] ServerInfo DescribeServer(const Config& config);

}  // namespace jammi
