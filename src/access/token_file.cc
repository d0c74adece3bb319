#include "access/token_file.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "access/guarded_file.h"

namespace jammi {
namespace {

constexpr size_t kMaxPrincipal = 128;
constexpr size_t kTokenBytes = 32;
constexpr std::string_view kBlanks = " \t\r";

// Cuts the next word off `line`; empty: there is none.
std::string_view TakeWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
  const auto word = line.substr(0, line.find_first_of(kBlanks));
  line.remove_prefix(word.size());
  return word;
}

std::optional<Sha256Digest> ParseDigest(std::string_view hex) {
  Sha256Digest digest;
  if (hex.size() != 2 * digest.size()) return std::nullopt;
  for (size_t i = 0; i < hex.size(); ++i) {
    const char c = hex[i];
    const bool digit = c >= '0' && c <= '9';
    if (!digit && !(c >= 'a' && c <= 'f') && !(c >= 'A' && c <= 'F')) return std::nullopt;
    const int value = digit ? c - '0' : (c | 0x20) - 'a' + 10;
    digest[i / 2] = static_cast<uint8_t>(i % 2 == 0 ? value << 4 : digest[i / 2] | value);
  }
  return digest;
}

// nullopt: the line has nothing to say.
Result<std::optional<TokenEntry>> ParseLine(std::string_view line) {
  const auto refuse = [](std::string_view why) {
    return Error(ErrorCode::kInvalidArgument, std::string(why));
  };
  const auto principal = TakeWord(line);
  if (principal.empty() || principal.starts_with('#')) return std::optional<TokenEntry>();
  const auto role_name = TakeWord(line);
  const auto tenants = TakeWord(line);
  const auto hex = TakeWord(line);
  if (hex.empty() || !TakeWord(line).empty()) {
    return refuse("expected four words: principal, role, tenants, SHA-256 of the token");
  }
  if (!CheckPrincipal(principal)) return refuse("the first word is no principal's name");
  const auto role = ParseRole(role_name);
  if (!role) return refuse("the second word is no role: expected reader, writer or admin");
  auto grant = TenantGrant::Parse(tenants);
  if (!grant) {
    return refuse("the third word is '*', or UUIDs and 'global' with commas between them, each once");
  }
  const auto digest = ParseDigest(hex);
  if (!digest) return refuse("the fourth word is no SHA-256: expected 64 hexadecimal digits");
  return std::optional(TokenEntry{
      .principal = std::string(principal), .role = *role, .grant = *std::move(grant), .digest = *digest});
}

}  // namespace

Result<void> CheckPrincipal(std::string_view name) {
  const auto fit = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._@/:-").find(c) != std::string_view::npos;
  };
  if (!name.empty() && name.size() <= kMaxPrincipal && std::ranges::all_of(name, fit)) return {};
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("principal: expected 1 to {} letters, digits and . _ @ / : -", kMaxPrincipal));
}

std::string NewToken() {
  std::array<uint8_t, kTokenBytes> bytes;
  // Without randomness there is nothing that could be given out instead.
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) std::abort();
  return "jammi_" + ToHex(bytes);
}

Sha256Digest DigestOfToken(std::string_view token) {
  return Sha256({reinterpret_cast<const uint8_t*>(token.data()), token.size()});
}

std::string FormatTokenEntry(const TokenEntry& entry) {
  return fmt::format("{} {} {} {}", entry.principal, ToString(entry.role), entry.grant.ToString(),
                     ToHex(entry.digest));
}

Result<std::vector<TokenEntry>> ParseTokenFile(std::string_view text) {
  std::vector<TokenEntry> entries;
  std::set<Sha256Digest> seen;
  for (int number = 1; !text.empty(); ++number) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const auto where = [&] { return fmt::format("line {}", number); };
    auto entry = ParseLine(line);
    if (!entry) return std::move(entry).error().While(where());
    if (!*entry) continue;
    if (!seen.insert((**entry).digest).second) {
      return Error(ErrorCode::kInvalidArgument, "the token is in an earlier line, too").While(where());
    }
    entries.push_back(**std::move(entry));
  }
  return entries;
}

Result<std::vector<TokenEntry>> ReadTokenFile(const std::filesystem::path& path) {
  JAMMI_ASSIGN(const std::string text, ReadGuardedFile(path, FileGuard::kSecret));
  auto entries = ParseTokenFile(text);
  if (!entries) return std::move(entries).error().While(path.string());
  return entries;
}

}  // namespace jammi
