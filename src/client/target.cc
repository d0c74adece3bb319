#include "client/target.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace jammi {
namespace {

constexpr std::string_view kDefaultPort = ":8081";

Error Malformed(std::string_view text, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          fmt::format("--target '{}': {}; expected grpc://HOST:PORT, or grpcs:// for TLS", text, why)};
}

bool IsPort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port > 0 && port <= 65535;
}

bool IsHostCharacter(char c) {
  return c > ' ' && c != 0x7f && std::string_view("/?#@\\,").find(c) == std::string_view::npos;
}

// The port of "host:port" and "[v6]:port" with its colon; empty if there is none.
std::string_view PortPart(std::string_view authority) {
  const size_t from = authority.starts_with('[') ? authority.find(']') : 0;
  const size_t colon = from == std::string_view::npos ? from : authority.find(':', from);
  return colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
}

}  // namespace

Result<ServerTarget> ParseServerTarget(std::string_view text) {
  ServerTarget target;
  std::string_view authority = text;
  if (const size_t end = text.find("://"); end != std::string_view::npos) {
    const std::string scheme = AsciiLower(text.substr(0, end));
    target.tls = scheme == "grpcs" || scheme == "https";
    if (!target.tls && scheme != "grpc" && scheme != "http")
      return Malformed(text, fmt::format("unsupported --target scheme '{}'", scheme));
    authority.remove_prefix(end + 3);
  }
  if (authority.ends_with('/')) authority.remove_suffix(1);
  for (const char c : authority) {
    if (!IsHostCharacter(c)) return Malformed(text, "it holds more than a host and a port");
  }
  const std::string_view port = PortPart(authority);
  const std::string_view host = authority.substr(0, authority.size() - port.size());
  if (host.empty() || host == "[]") return Malformed(text, "there is no host");
  if (host.starts_with('[') != host.ends_with(']')) return Malformed(text, "a bracket is missing");
  if (!port.empty() && !IsPort(port.substr(1)))
    return Malformed(text, fmt::format("'{}' is not a port", port.substr(1)));
  target.authority = fmt::format("{}{}", host, port.empty() ? kDefaultPort : port);
  return target;
}

}  // namespace jammi
