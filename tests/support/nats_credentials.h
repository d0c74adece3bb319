// Users of a nats-server that know an operator: keys and signed claims, as `nsc` would make them.
#pragma once

#include <string>

namespace jammi::test {

struct NatsCredentials {
  std::string server_configuration;  // operator, resolver and one account with JetStream
  std::string user_file;             // the text of a .creds file
  std::string stranger_file;         // the same of a user whom the account did not sign
};
// New keys at each call.
[[nodiscard]] NatsCredentials MakeNatsCredentials();

}  // namespace jammi::test
