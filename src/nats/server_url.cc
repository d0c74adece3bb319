#include "nats/server_url.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/text.h"
#include "nats/nats_error.h"

namespace jammi::nats {
namespace {

constexpr int kDefaultPort = 4222;

Error Bad(size_t number, std::string_view why) {
  return Refused(fmt::format("NATS server address {}: {}", number, why));
}

std::optional<std::string> PercentDecode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned byte = 0;
    const char* const begin = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(begin, begin + 2, byte, 16).ptr != begin + 2)
      return std::nullopt;
    decoded += static_cast<char>(byte);
    i += 2;
  }
  return decoded;
}

// "host", "host:port", "[::1]:port" -> with a port.
Result<std::string> CheckHost(std::string_view host, size_t number) {
  std::string_view port;
  const size_t bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket == std::string_view::npos) return Bad(number, "a [ without a ]");
  const size_t colon = host.find(':', bracket);
  if (colon != std::string_view::npos) {
    port = host.substr(colon + 1);
    host = host.substr(0, colon);
    int value = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (error != std::errc() || end != port.data() + port.size() || value < 1 || value > 65535)
      return Bad(number, "the port is no number of 1 to 65535");
  }
  if (host.empty()) return Bad(number, "it has no host");
  constexpr std::string_view kNever = " \t/?#\\\"'<>";
  if (host.find_first_of(kNever) != std::string_view::npos)
    return Bad(number, "the host has a character that no host has");
  return port.empty() ? fmt::format("{}:{}", host, kDefaultPort) : fmt::format("{}:{}", host, port);
}

Result<void> TakeCredentials(std::string_view text, size_t number, ServerUrls* urls) {
  const size_t colon = text.find(':');
  const auto name = PercentDecode(text.substr(0, colon));
  const auto password =
      colon == std::string_view::npos ? std::string() : PercentDecode(text.substr(colon + 1));
  if (!name || !password || name->empty())
    return Bad(number, "what stands before the @ is neither user:password nor a token, percent-encoded");
  ServerUrls found;
  if (colon == std::string_view::npos) {
    found.token = Secret(*name);
  } else {
    found.user = *name;
    found.password = Secret(*password);
  }
  const bool first = urls->user.empty() && urls->token.empty();
  if (!first && (found.user != urls->user || found.password != urls->password || found.token != urls->token))
    return Bad(number, "it has other credentials than an address before it");
  urls->user = std::move(found.user);
  urls->password = std::move(found.password);
  urls->token = std::move(found.token);
  return {};
}

}  // namespace

Result<ServerUrls> ParseServerUrls(std::string_view text) {
  ServerUrls urls;
  size_t number = 0;
  for (bool more = true; more;) {
    const size_t comma = text.find(',');
    more = comma != std::string_view::npos;
    std::string_view each = Trim(text.substr(0, comma));
    if (more) text.remove_prefix(comma + 1);
    ++number;
    if (const size_t scheme = each.find("://"); scheme != std::string_view::npos) {
      const std::string name = AsciiLower(each.substr(0, scheme));
      if (name != "nats" && name != "tls")
        return Bad(number, "it begins neither with nats:// nor with tls://");
      urls.tls = urls.tls || name == "tls";
      each.remove_prefix(scheme + 3);
    }
    if (const size_t at = each.rfind('@'); at != std::string_view::npos) {
      JAMMI_TRY(TakeCredentials(each.substr(0, at), number, &urls));
      each.remove_prefix(at + 1);
    }
    if (each.ends_with('/')) each.remove_suffix(1);
    JAMMI_ASSIGN(const auto host, CheckHost(each, number));
    urls.addresses.push_back("nats://" + host);
  }
  return urls;
}

}  // namespace jammi::nats
