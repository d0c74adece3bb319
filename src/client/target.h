// Where a server is, as people write it.
#pragma once

#include <string>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

struct ServerTarget {
  std::string authority;  // "127.0.0.1:8081", "[::1]:8081"
  bool tls = false;
};

// grpc://, http:// and a bare host:port are plaintext, grpcs:// and https:// are TLS (CLI-002); a path may
// not follow. Without a port: 8081. Errors: kInvalidArgument: another scheme, no host, a port that is none.
[[nodiscard]] Result<ServerTarget> ParseServerTarget(std::string_view text);

}  // namespace jammi
