// Where the servers are, and what the addresses carry of credentials: parsed here, so that no text with
// a password reaches the client library, which writes its addresses into errors.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi::nats {

struct ServerUrls {
  std::vector<std::string> addresses;  // "nats://host:4222": nothing secret in them
  bool tls = false;                    // one of them begins with tls://
  std::string user;                    // with `password`, from user:password@
  Secret password;
  Secret token;  // from token@
};

// One address, or several with commas: [nats:// | tls://] [user:password@ | token@] host [:port]. What
// stands before the @ is percent-decoded; where several addresses have it, it is the same.
// Errors: kInvalidArgument; the message quotes nothing that stands before an @.
[[nodiscard]] Result<ServerUrls> ParseServerUrls(std::string_view text);

}  // namespace jammi::nats
