#include "jammi/events/text_redaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/text.h"
#include "events/attribute_rules.h"

namespace jammi::events {
namespace {

constexpr std::string_view kRedacted = "<redacted>";
constexpr std::string_view kSchemeEnd = "://";
constexpr std::string_view kSeparators = " \t\r\n\v\f\"'`";

// --- A text that is one address -----------------------------------------------------------------------
// Source: the URL standard of the WHATWG, as far as it says where credentials end and how the rest is
// written. Host names are taken as they are where they are ASCII; everything else is not one address.

struct KnownScheme {
  std::string_view name;
  uint32_t port;
};
constexpr KnownScheme kKnownSchemes[] = {{"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}, {"ftp", 21}};

std::optional<KnownScheme> FindKnownScheme(std::string_view name) {
  const auto* const found = std::ranges::find(kKnownSchemes, name, &KnownScheme::name);
  if (found == std::end(kKnownSchemes)) return std::nullopt;
  return *found;
}

// "host", "host:port" or "[v6]:port"; nullopt: it is none of them.
std::optional<std::string> WriteHost(std::string_view text, const std::optional<KnownScheme>& known) {
  const size_t bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return std::nullopt;
  const size_t colon = text.find(':', bracket);
  std::string host(text.substr(0, colon));
  static constexpr std::string_view kNever = "<>\\^|#/?@";
  const bool fits = !host.empty() && std::ranges::all_of(host, [](char c) {
    return c > ' ' && c < 0x7F && kNever.find(c) == std::string_view::npos;
  });
  if (!fits || (bracket == 0 && host.find_first_of("[]") != std::string::npos) ||
      (bracket != 0 && host.size() != bracket + 1) || (known && host.find('%') != std::string::npos)) {
    return std::nullopt;
  }
  if (known || bracket != 0) host = AsciiLower(host);
  const std::string_view digits = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (digits.empty()) return host;
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size() || port > 65535) return std::nullopt;
  return known && port == known->port ? host : fmt::format("{}:{}", host, port);
}

// What stands behind the host, with what may not stand there percent-encoded.
std::string WriteRest(std::string_view rest, bool known) {
  std::string written;
  if (known && !rest.starts_with('/')) written += '/';
  std::string_view encoded = "\"<>`?#{}";  // in the path
  for (const char c : rest) {
    if (c == '?' && encoded.find('?') != std::string_view::npos) {
      encoded = known ? "\"<>#'" : "\"<>#";
      written += c;
    } else if (c == '#' && encoded.find('#') != std::string_view::npos) {
      encoded = "\"<>`";
      written += c;
    } else if (c <= ' ' || c >= 0x7F || encoded.find(c) != std::string_view::npos) {
      written += fmt::format("%{:02X}", static_cast<unsigned char>(c));  // char may be negative: c <= ' '
    } else {
      written += c;
    }
  }
  return written;
}

// The address without its credentials; nullopt: it has none, or the text is not one address.
std::optional<std::string> CutCredentials(std::string_view text) {
  while (!text.empty() && text.front() >= 0 && text.front() <= ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() >= 0 && text.back() <= ' ') text.remove_suffix(1);
  const size_t scheme_end = text.find(kSchemeEnd);
  if (scheme_end == std::string_view::npos || !IsScheme(text.substr(0, scheme_end))) return std::nullopt;
  // Two addresses, or one with a line end in it, are not for this.
  if (text.find(kSchemeEnd, scheme_end + 1) != std::string_view::npos ||
      text.find_first_of("\t\r\n") != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string scheme = AsciiLower(text.substr(0, scheme_end));
  const auto known = FindKnownScheme(scheme);
  text.remove_prefix(scheme_end + kSchemeEnd.size());
  const size_t authority_end = std::min(text.find_first_of(known ? "/?#\\" : "/?#"), text.size());
  const std::string_view authority = text.substr(0, authority_end);
  const std::string_view rest = text.substr(authority_end);
  const size_t at = authority.rfind('@');
  if (at == std::string_view::npos ||
      authority.substr(0, at).find_first_not_of(':') == std::string_view::npos)
    return std::nullopt;
  // An '@' behind the host may be the end of a password with a '/' in it.
  if (rest.find('@') != std::string_view::npos) return std::nullopt;
  const auto host = WriteHost(authority.substr(at + 1), known);
  if (!host) return std::nullopt;
  return fmt::format("{}://{}{}", scheme, *host, WriteRest(rest, known.has_value()));
}

// --- Any text -------------------------------------------------------------------------------------------

// Where the segment that begins at `from` ends: at white space, a quote, or a comma before another scheme.
size_t EndOfSegment(std::string_view text, size_t from) {
  const size_t end = std::min(text.find_first_of(kSeparators, from), text.size());
  for (size_t comma = text.find(',', from); comma < end; comma = text.find(',', comma + 1)) {
    const size_t next = text.find(kSchemeEnd, comma);
    if (next < end && IsScheme(text.substr(comma + 1, next - comma - 1))) return comma;
  }
  return end;
}

// The segment without what stands before its last '@'.
void AppendSegment(std::string_view segment, std::string* to) {
  if (const size_t at = segment.rfind('@'); at != std::string_view::npos) {
    *to += kRedacted;
    segment.remove_prefix(at + 1);
  }
  *to += segment;
}

// A word without a scheme: "user:password@host" loses what stands before the '@'.
void AppendWord(std::string_view word, std::string* to) {
  const size_t at = word.rfind('@');
  if (at != std::string_view::npos && word.find(':') < at) {
    AppendSegment(word, to);
  } else {
    *to += word;
  }
}

std::string Scan(std::string_view text) {
  std::string redacted;
  for (size_t at = 0; at < text.size();) {
    if (kSeparators.find(text[at]) != std::string_view::npos) {
      redacted += text[at++];
      continue;
    }
    const size_t word_end = std::min(text.find_first_of(kSeparators, at), text.size());
    const size_t scheme_end = text.find(kSchemeEnd, at);
    if (scheme_end >= word_end) {
      AppendWord(text.substr(at, word_end - at), &redacted);
      at = word_end;
      continue;
    }
    const size_t from = scheme_end + kSchemeEnd.size();
    AppendWord(text.substr(at, from - at), &redacted);
    at = EndOfSegment(text, from);
    AppendSegment(text.substr(from, at - from), &redacted);
  }
  return redacted;
}

bool IsSecretName(std::string_view name) {
  constexpr std::string_view kNames[] = {"access_token", "api_key", "apikey", "auth_token", "jwt",
                                         "nkey",         "pass",    "passwd", "password",   "pwd",
                                         "secret",       "seed",    "token"};
  return std::ranges::find(kNames, AsciiLower(name)) != std::end(kNames);
}

// ?password=<redacted>&user=u: values of a query that by their names are secret.
std::string CutQuerySecrets(std::string text) {
  for (size_t at = text.find_first_of("?&"); at != std::string::npos; at = text.find_first_of("?&", at + 1)) {
    const size_t equals = text.find_first_of("=?&#", at + 1);
    if (equals == std::string::npos) break;
    if (text[equals] != '=' || !IsSecretName(std::string_view(text).substr(at + 1, equals - at - 1)))
      continue;
    const size_t end = std::min(text.find_first_of("&#, \t\r\n\"'`", equals), text.size());
    text.replace(equals + 1, end - equals - 1, kRedacted);
  }
  return text;
}

}  // namespace

std::string RedactUrlCredentials(std::string_view text) {
  auto cut = CutCredentials(text);
  return CutQuerySecrets(cut ? *std::move(cut) : Scan(text));
}

std::string RedactUrlInText(std::string_view text, std::string_view raw_url) {
  if (raw_url.empty()) return CutQuerySecrets(Scan(text));
  const std::string redacted = RedactUrlCredentials(raw_url);
  std::string replaced;
  for (size_t at = 0;;) {
    const size_t found = text.find(raw_url, at);
    replaced += text.substr(at, found - at);
    if (found == std::string_view::npos) return CutQuerySecrets(Scan(replaced));
    replaced += redacted;
    at = found + raw_url.size();
  }
}

}  // namespace jammi::events
