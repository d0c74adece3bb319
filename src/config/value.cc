#include "config/value.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <span>
#include <system_error>

#include "base/log_output.h"
#include "base/quantity.h"
#include "base/text.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

std::unexpected<Complaint> Complain(std::string text, std::string suggestion = {}) {
  return std::unexpected(Complaint{std::move(text), std::move(suggestion)});
}

template <class Number>
OrComplaint<Number> ParseNumber(std::string_view text, std::string_view what) {
  Number number{};
  const auto* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error == std::errc::result_out_of_range && stopped == end) return Complain("is out of range");
  if (error != std::errc{} || stopped != end) return Complain(fmt::format("expected {}", what));
  return number;
}

TextList SplitList(std::string_view text) {
  TextList items;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (const auto item = Trim(text.substr(0, comma)); !item.empty()) items.emplace_back(item);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

// CFG-012: `all` in any case, else the tiers between commas; nothing at all is "core only".
SettingValue ParseServices(std::string_view text) {
  if (EqualsIgnoringCase(Trim(text), "all")) return std::string("all");
  return SplitList(text);
}

std::string FormatFloat(double number) {
  const auto text = fmt::format("{}", number);
  return text.find_first_of(".einf") == std::string::npos ? text + ".0" : text;
}

}  // namespace

OrComplaint<SettingValue> ParseValue(SettingType type, std::string_view text) {
  switch (type) {
    case SettingType::kBool:
      if (text == "true") return true;
      if (text == "false") return false;
      return Complain("expected true or false");
    case SettingType::kInteger:
      return ParseNumber<int64_t>(text, "a whole number");
    case SettingType::kSize: {
      const auto size = ParseSize(text);
      if (!size) return Complain(size.error());
      return *size;
    }
    case SettingType::kFloat:
      return ParseNumber<double>(text, "a number");
    case SettingType::kText:
    case SettingType::kPath:
    case SettingType::kChoice:
      return std::string(text);
    case SettingType::kTextList:
      return SplitList(text);
    case SettingType::kServices:
      return ParseServices(text);
    case SettingType::kTextMap:
    case SettingType::kLimits:
      break;
  }
  return Complain("cannot be set by an environment variable");
}

std::string EscapeToml(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      escaped += '\\';
      escaped += c;
    } else if (c == '\n') {
      escaped += "\\n";
    } else if (c == '\r') {
      escaped += "\\r";
    } else if (c == '\t') {
      escaped += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      escaped += fmt::format("\\u{:04X}", byte);
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string ToToml(SettingType type, const SettingValue& value) {
  const auto quoted = [](const std::string& text) { return fmt::format("\"{}\"", EscapeToml(text)); };
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<int64_t>(&value)) {
    if (type != SettingType::kSize) return fmt::format("{}", *number);
    auto text = FormatSize(*number);
    return text.find_first_not_of("-0123456789") == std::string::npos ? text : quoted(text);
  }
  if (const auto* number = std::get_if<double>(&value)) return FormatFloat(*number);
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  TextList items;
  if (const auto* list = std::get_if<TextList>(&value)) {
    for (const auto& item : *list) items.push_back(quoted(item));
    return fmt::format("[{}]", fmt::join(items, ", "));
  }
  if (const auto* tables = std::get_if<LimitTables>(&value)) {
    for (const auto& [name, limits] : *tables) {
      TextList inner;
      for (const auto& [limit, number] : limits) inner.push_back(fmt::format("{} = {}", limit, number));
      items.push_back(fmt::format("{} = {{ {} }}", quoted(name), fmt::join(inner, ", ")));
    }
  } else {
    for (const auto& [name, text] : std::get<TextMap>(value))
      items.push_back(quoted(name) + " = " + quoted(text));
  }
  return items.empty() ? "{}" : fmt::format("{{ {} }}", fmt::join(items, ", "));
}

namespace {

std::optional<SocketAddress> TryParseAddress(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port_text = text.substr(colon + 1);
  uint16_t port = 0;
  const auto* end = port_text.data() + port_text.size();
  if (const auto [stopped, error] = std::from_chars(port_text.data(), end, port);
      error != std::errc{} || stopped != end) {
    return std::nullopt;
  }
  auto host = std::string(text.substr(0, colon));
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (brackets) host = host.substr(1, host.size() - 2);
  std::array<char, INET6_ADDRSTRLEN> printed{};
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const int family = brackets ? AF_INET6 : AF_INET;
  if (host.find('\0') != std::string::npos || inet_pton(family, host.c_str(), address.data()) != 1) {
    return std::nullopt;
  }
  inet_ntop(family, address.data(), printed.data(), printed.size());
  const std::string normal = printed.data();
  return SocketAddress{.host = normal, .port = port, .any = normal == "0.0.0.0" || normal == "::"};
}

constexpr std::array kStorageSchemes = {
    std::string_view("file"), std::string_view("memory"), std::string_view("s3"),    std::string_view("gs"),
    std::string_view("gcs"),  std::string_view("azure"),  std::string_view("abfss"), std::string_view("r2")};

}  // namespace

SocketAddress ParseAddress(std::string_view text) { return TryParseAddress(text).value_or(SocketAddress{}); }

std::string CheckAddress(std::string_view text) {
  if (TryParseAddress(text)) return {};
  return "expected a numeric address and port such as \"127.0.0.1:8081\" or \"[::1]:8081\"; "
         "host names are refused";
}

std::string CheckMemoryLimit(std::string_view text) {
  if (text == "auto") return {};
  if (text.ends_with('%')) {
    const auto percent = ParseNumber<int64_t>(text.substr(0, text.size() - 1), "a percentage");
    if (percent && *percent >= 1 && *percent <= 100) return {};
  } else if (const auto size = ParseSize(text); size && *size > 0) {
    return {};
  }
  return "expected \"auto\", a percentage from \"1%\" to \"100%\", or a size such as \"8GiB\"";
}

std::string CheckLogFilter(std::string_view text) {
  if (Trim(text).empty()) return "must not be empty";
  if (ParseLogFilter(text)) return {};
  return "expected trace, debug, info, warn, error or off, or a list of such as \"target=level,...\"";
}

std::string CheckStorageUrl(std::string_view text) {
  if (text.empty()) return "must not be empty";
  const size_t end = text.find("://");
  if (end == std::string_view::npos) return {};  // a path
  const auto scheme = text.substr(0, end);
  if (std::ranges::find(kStorageSchemes, scheme) != kStorageSchemes.end()) return {};
  return fmt::format("unknown scheme '{}'; known are {}", scheme, fmt::join(kStorageSchemes, ", "));
}

std::string CheckPostgresUrl(std::string_view text) {
  if (text.starts_with("postgres://") || text.starts_with("postgresql://")) return {};
  return "must begin with \"postgres://\" or \"postgresql://\"";
}

std::string CheckNotEmpty(std::string_view text) { return text.empty() ? "must not be empty" : ""; }

std::string CheckTenant(std::string_view text) {
  const auto tenant = TenantId::Parse(text);
  if (tenant && tenant->ToString() == text) return {};
  return fmt::format("'{}' is no tenant: expected a UUID in lower case", text);
}

}  // namespace jammi
