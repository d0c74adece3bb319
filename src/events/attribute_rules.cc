#include "events/attribute_rules.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "events/utf8.h"

namespace jammi::events {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsHex(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsOneOf(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

bool IsNoncharacter(char32_t point) {
  return (point >= 0xfdd0 && point <= 0xfdef) || (point & 0xfffe) == 0xfffe;
}

}  // namespace

bool IsScheme(std::string_view text) {
  return !text.empty() && IsAlpha(text.front()) &&
         std::ranges::all_of(text, [](char c) { return IsAlpha(c) || IsDigit(c) || IsOneOf(c, "+-."); });
}

bool IsAttributeText(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c >= 0x20 && c < 0x7f) {
      ++at;
      continue;
    }
    const auto point = FirstCodePoint(text.substr(at));
    if (!point || point->value < 0xa0 || IsNoncharacter(point->value)) return false;
    at += static_cast<size_t>(point->size);
  }
  return true;
}

// --- RFC 3986

namespace {

// Characters of `allowed` beside those of a path segment, and whole percent escapes.
bool IsUriText(std::string_view text, std::string_view allowed) {
  for (size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '%') {
      if (at + 2 >= text.size() || !IsHex(text[at + 1]) || !IsHex(text[at + 2])) return false;
      at += 2;
    } else if (!IsAlpha(c) && !IsDigit(c) && !IsOneOf(c, "-._~!$&'()*+,;=") && !IsOneOf(c, allowed)) {
      return false;
    }
  }
  return true;
}

bool IsAuthority(std::string_view text) {
  if (const size_t at = text.find('@'); at != std::string_view::npos) {
    if (!IsUriText(text.substr(0, at), ":")) return false;
    text.remove_prefix(at + 1);
  }
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos || end == 1) return false;
    if (!IsUriText(text.substr(1, end - 1), ":")) return false;
    text.remove_prefix(end + 1);
    if (!text.empty() && text.front() != ':') return false;
  } else {
    const size_t colon = std::min(text.find(':'), text.size());
    if (!IsUriText(text.substr(0, colon), "")) return false;
    text.remove_prefix(colon);
  }
  return text.empty() || std::ranges::all_of(text.substr(1), IsDigit);  // ":port"
}

// Behind the scheme and its colon.
bool IsUriTail(std::string_view text) {
  const size_t hash = std::min(text.find('#'), text.size());
  if (hash < text.size() && !IsUriText(text.substr(hash + 1), ":@/?")) return false;
  text = text.substr(0, hash);
  const size_t question = std::min(text.find('?'), text.size());
  if (question < text.size() && !IsUriText(text.substr(question + 1), ":@/?")) return false;
  text = text.substr(0, question);
  if (text.starts_with("//")) {
    const size_t end = std::min(text.find('/', 2), text.size());
    if (!IsAuthority(text.substr(2, end - 2))) return false;
    text.remove_prefix(end);
  }
  return IsUriText(text, ":@/");
}

// The length of the scheme and its colon; 0: it has none. nullopt: what looks like one is none.
std::optional<size_t> SchemeSize(std::string_view text) {
  const size_t stop = text.find_first_of(":/?#");
  if (stop == std::string_view::npos || text[stop] != ':') return 0;
  if (!IsScheme(text.substr(0, stop))) return std::nullopt;
  return stop + 1;
}

}  // namespace

bool IsUriReference(std::string_view text) {
  const auto scheme = SchemeSize(text);
  return scheme && IsUriTail(text.substr(*scheme));
}

bool IsUri(std::string_view text) {
  const auto scheme = SchemeSize(text);
  return scheme && *scheme > 0 && IsUriTail(text.substr(*scheme));
}

// --- RFC 3339

namespace {

// `digits` decimal digits at `at`; -1: there are not so many.
int NumberAt(std::string_view text, size_t at, size_t digits) {
  if (at + digits > text.size()) return -1;
  int value = 0;
  for (const char c : text.substr(at, digits)) {
    if (!IsDigit(c)) return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

int DaysIn(int year, int month) {
  static constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return kDays[static_cast<size_t>(month - 1)] + (month == 2 && leap ? 1 : 0);
}

bool IsDate(std::string_view text) {
  const int year = NumberAt(text, 0, 4);
  const int month = NumberAt(text, 5, 2);
  const int day = NumberAt(text, 8, 2);
  return text[4] == '-' && text[7] == '-' && year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
         day <= DaysIn(year, month);
}

// "hh:mm" at the start of `text`.
bool IsHourMinute(std::string_view text) {
  const int hour = NumberAt(text, 0, 2);
  const int minute = NumberAt(text, 3, 2);
  return text.size() >= 5 && text[2] == ':' && hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59;
}

}  // namespace

bool IsTimestamp(std::string_view text) {
  if (text.size() < 20 || !IsDate(text.substr(0, 10)) || !IsOneOf(text[10], "Tt")) return false;
  const int second = NumberAt(text, 17, 2);
  if (!IsHourMinute(text.substr(11)) || text[16] != ':' || second < 0 || second > 60) return false;
  std::string_view rest = text.substr(19);
  if (rest.starts_with('.')) {
    const size_t end = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (end == 1) return false;
    rest.remove_prefix(end);
  }
  if (rest == "Z" || rest == "z") return true;
  return rest.size() == 6 && IsOneOf(rest[0], "+-") && IsHourMinute(rest.substr(1));
}

// --- RFC 2046

namespace {

// Takes a token (RFC 2045) off the front; false: there is none.
bool TakeToken(std::string_view& text) {
  const auto is_token = [](char c) { return c > 0x20 && c < 0x7f && !IsOneOf(c, "()<>@,;:\\\"/[]?="); };
  const auto end = std::ranges::find_if_not(text, is_token);
  const auto size = static_cast<size_t>(end - text.begin());
  text.remove_prefix(size);
  return size > 0;
}

bool TakeChar(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

bool TakeQuoted(std::string_view& text) {
  if (!TakeChar(text, '"')) return false;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\\') {
      if (text.empty()) return false;
      text.remove_prefix(1);
    }
  }
  return false;
}

void TakeSpace(std::string_view& text) {
  while (TakeChar(text, ' ') || TakeChar(text, '\t')) {
  }
}

}  // namespace

bool IsMediaType(std::string_view text) {
  if (!TakeToken(text) || !TakeChar(text, '/') || !TakeToken(text)) return false;
  while (true) {
    TakeSpace(text);
    if (text.empty()) return true;
    if (!TakeChar(text, ';')) return false;
    TakeSpace(text);
    if (text.empty()) return true;  // many write a last semicolon
    if (!TakeToken(text) || !TakeChar(text, '=')) return false;
    if (!TakeQuoted(text) && !TakeToken(text)) return false;
  }
}

bool IsJsonMediaType(const std::optional<std::string>& media_type) {
  if (!media_type) return true;
  const std::string_view essence = Trim(std::string_view(*media_type).substr(0, media_type->find(';')));
  const size_t slash = essence.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string subtype = AsciiLower(essence.substr(slash + 1));
  return subtype == "json" || subtype.ends_with("+json");
}

bool IsExtensionName(std::string_view name) {
  static constexpr std::array<std::string_view, 10> kTaken = {
      "data",        "datacontenttype", "dataschema", "id",          "source",
      "specversion", "subject",         "time",       "traceparent", "type"};
  return !name.empty() &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || IsDigit(c); }) &&
         std::ranges::find(kTaken, name) == kTaken.end();
}

}  // namespace jammi::events
