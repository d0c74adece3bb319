#include "server/exposure.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <string>

#include "base/log.h"

namespace jammi {
namespace {

// Of a numeric address with a port; the configuration was validated.
bool IsLoopback(const std::string& address) {
  std::string host = address.substr(0, address.rfind(':'));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  in_addr four{};
  if (inet_pton(AF_INET, host.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24U == 127;
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

Error Exposed(const std::string& key, const std::string& address) {
  return {
      ErrorCode::kFailedPrecondition,
      fmt::format("{} is {}, which others can reach, and there is no authentication: set server.token_path "
                  "to a file of tokens (`jammi token new` makes one), or "
                  "server.tls_client_authority_path, or listen on 127.0.0.1; or, if everybody who reaches "
                  "it may do everything, set server.allow_anonymous = true",
                  key, address),
      ConfigDetail{.key = key}};
}

}  // namespace

Result<void> CheckExposure(const ServerConfig& config) {
  const bool flight_is_local = IsLoopback(config.flight_listen);
  const bool health_is_local = IsLoopback(config.health_listen);
  const bool asks = config.token_path.has_value() || config.tls_client_authority_path.has_value();
  if (!asks && !config.allow_anonymous) {
    if (!flight_is_local) return Exposed("server.flight_listen", config.flight_listen);
    if (!health_is_local) return Exposed("server.health_listen", config.health_listen);
  }
  if (!asks && !flight_is_local) {
    Log(LogLevel::kWarning,
        "there is no authentication, and server.allow_anonymous is set: whoever reaches {} may do everything "
        "in the name of every tenant",
        config.flight_listen);
  }
  if (config.token_path && !config.tls_certificate_path && !flight_is_local) {
    Log(LogLevel::kWarning,
        "tokens come to {} in clear text, for there is no TLS: set server.tls_certificate_path and "
        "server.tls_key_path, or let a proxy end TLS in front of it",
        config.flight_listen);
  }
  return {};
}

}  // namespace jammi
