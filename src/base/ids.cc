#include "jammi/ids.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>

#include <cstdlib>
#include <cstring>

#include "base/hash.h"
#include "jammi/scope.h"

namespace jammi {
namespace {

void FillRandom(std::span<uint8_t> bytes) {
  size_t filled = 0;
  while (filled < bytes.size()) {
    const ssize_t got = getrandom(bytes.data() + filled, bytes.size() - filled, 0);
    if (got < 0 && errno != EINTR) std::abort();  // no entropy source: nothing here can be trusted
    if (got > 0) filled += static_cast<size_t>(got);
  }
}

void SetVersion(Uuid& uuid, int version) {
  uuid.bytes[6] = static_cast<uint8_t>((uuid.bytes[6] & 0x0f) | (version << 4));
  uuid.bytes[8] = static_cast<uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// 32 digits, or 8-4-4-4-12 with hyphens.
std::optional<Uuid> ParseDigits(std::string_view text) {
  const bool hyphenated = text.size() == 36;
  if (!hyphenated && text.size() != 32) return std::nullopt;
  Uuid uuid;
  size_t digit = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (hyphenated && (i == 8 || i == 13 || i == 18 || i == 23)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const int value = HexValue(text[i]);
    if (value < 0) return std::nullopt;
    uuid.bytes[digit / 2] = static_cast<uint8_t>(uuid.bytes[digit / 2] << 4 | value);
    ++digit;
  }
  return uuid;
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && strncasecmp(text.data(), prefix.data(), prefix.size()) == 0;
}

}  // namespace

std::string Uuid::ToHex() const { return jammi::ToHex(bytes); }

std::string Uuid::ToString() const {
  std::string text = ToHex();
  for (const size_t at : {8, 13, 18, 23}) text.insert(at, 1, '-');
  return text;
}

std::optional<Uuid> Uuid::Parse(std::string_view text) {
  static constexpr std::string_view kUrn = "urn:uuid:";
  if (StartsWithIgnoringCase(text, kUrn)) {
    text.remove_prefix(kUrn.size());
    return text.size() == 36 ? ParseDigits(text) : std::nullopt;
  }
  if (text.size() == 38 && text.front() == '{' && text.back() == '}') return ParseDigits(text.substr(1, 36));
  return ParseDigits(text);
}

Uuid Uuid::RandomV4() {
  Uuid uuid;
  FillRandom(uuid.bytes);
  SetVersion(uuid, 4);
  return uuid;
}

Uuid Uuid::TimeOrderedV7(int64_t unix_millis) {
  Uuid uuid;
  FillRandom(uuid.bytes);
  for (int i = 0; i < 6; ++i) uuid.bytes[i] = static_cast<uint8_t>(unix_millis >> (40 - 8 * i));
  SetVersion(uuid, 7);
  return uuid;
}

Result<TenantId> TenantId::Parse(std::string_view text) {
  const auto uuid = Uuid::Parse(text);
  if (!uuid) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("tenant id '{}': not a UUID", text),
                 TenantDetail{std::string(text)});
  }
  return From(*uuid);
}

Result<TenantId> TenantId::From(Uuid uuid) {
  if (uuid.IsNil()) {
    return Error(ErrorCode::kInvalidArgument, "tenant id must not be the nil UUID",
                 TenantDetail{uuid.ToString()});
  }
  return TenantId(uuid);
}

Result<TopicId> TopicId::Parse(std::string_view text) {
  const auto uuid = Uuid::Parse(text);
  if (!uuid) return Error(ErrorCode::kInvalidArgument, fmt::format("topic id '{}': not a UUID", text));
  return TopicId(*uuid);
}

Result<Scope> Scope::FromKey(std::string_view key) {
  if (key.empty()) return Scope::Global();
  auto tenant = TenantId::Parse(key);
  if (!tenant) {
    return Error(ErrorCode::kDataLoss, fmt::format("stored scope '{}' is not a tenant id", key));
  }
  return Scope::ForTenant(*tenant);
}

}  // namespace jammi

size_t std::hash<jammi::Uuid>::operator()(const jammi::Uuid& uuid) const noexcept {
  uint64_t halves[2];
  std::memcpy(halves, uuid.bytes.data(), sizeof halves);
  return halves[0] ^ (halves[1] * 0x9e3779b97f4a7c15ULL);
}
