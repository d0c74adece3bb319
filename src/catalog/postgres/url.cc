#include "catalog/postgres/url.h"

#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "base/text.h"

namespace jammi::postgres {
namespace {

// A server that vanished is noticed within a minute, also while we wait for its answer.
constexpr std::array<std::pair<const char*, const char*>, 6> kDefaults = {{
    {"application_name", "jammi"},
    {"connect_timeout", "10"},
    {"keepalives_idle", "20"},
    {"keepalives_interval", "10"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "50000"},
}};

Error Refuse(std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("catalog.url: {}", why),
               ConfigDetail{.key = "catalog.url"});
}

// A password with a / or an @ that is not encoded ends there; what is left of it would be taken for a host, a
// port or a database, and be quoted in messages.
// A ? ends no password: libpq reads on to the @.
bool HasStrayAt(std::string_view url) {
  std::string_view rest = url.substr(url.find("://") + 3);
  const size_t end = rest.find_first_of("@/");
  if (end != std::string_view::npos && rest[end] == '@') rest.remove_prefix(end + 1);
  return rest.substr(0, rest.find('?')).contains('@');
}

}  // namespace

Result<ConnectionParameters> ParseUrl(const Secret& url) {
  const std::string& text = url.Reveal();
  if (text.empty()) return Refuse("it is empty");
  if (!text.starts_with("postgres://") && !text.starts_with("postgresql://")) {
    return Refuse("it must begin with postgres:// or postgresql://");
  }
  if (text.find('\0') != std::string::npos) return Refuse("it contains U+0000");
  if (HasStrayAt(text)) return Refuse("a / or an @ in the user or the password must be written %2F or %40");
  char* raw_message = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(text.c_str(), &raw_message), &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> message(raw_message, &PQfreemem);
  if (options == nullptr) {
    // What libpq quotes comes from the URL; what stands before it does not.
    const std::string_view reason = message == nullptr ? "out of memory" : message.get();
    return Refuse(Trim(reason.substr(0, reason.find_first_of("\"'"))));
  }
  ConnectionParameters parameters;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) parameters.emplace_back(option->keyword, option->val);
  }
  for (const auto& [key, value] : kDefaults) {
    if (std::ranges::find(parameters, key, &std::pair<std::string, std::string>::first) == parameters.end()) {
      parameters.emplace_back(key, value);
    }
  }
  std::erase_if(parameters, [](const auto& entry) { return entry.first == "client_encoding"; });
  parameters.emplace_back("client_encoding", "UTF8");
  return parameters;
}

}  // namespace jammi::postgres
