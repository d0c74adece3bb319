// Identities. Each is a type of its own: a topic id cannot be passed where a tenant is wanted.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

// 128 bits of RFC 9562, most significant byte first.
struct Uuid {
  std::array<uint8_t, 16> bytes{};
  auto operator<=>(const Uuid&) const = default;

  [[nodiscard]] bool IsNil() const { return *this == Uuid{}; }
  [[nodiscard]] std::string ToString() const;  // hyphenated, lower case
  [[nodiscard]] std::string ToHex() const;     // 32 hex digits
  // Accepts hyphenated, 32 hex digits, braced, and urn:uuid: forms, in either case. nullopt otherwise.
  [[nodiscard]] static std::optional<Uuid> Parse(std::string_view text);
  [[nodiscard]] static Uuid RandomV4();
  // Time-ordered; `unix_millis` is the time part. Two of one millisecond are not ordered.
  [[nodiscard]] static Uuid TimeOrderedV7(int64_t unix_millis);
};

// Who owns a thing. Never nil: there is no sentinel for "no tenant", see Scope. Rule TEN-001.
class TenantId {
 public:
  // Errors: kInvalidArgument with TenantDetail for malformed text and for the nil UUID.
  [[nodiscard]] static Result<TenantId> Parse(std::string_view text);
  [[nodiscard]] static Result<TenantId> From(Uuid uuid);

  [[nodiscard]] const Uuid& uuid() const { return uuid_; }
  [[nodiscard]] std::string ToString() const { return uuid_.ToString(); }
  auto operator<=>(const TenantId&) const = default;

 private:
  explicit TenantId(Uuid uuid) : uuid_(uuid) {}
  Uuid uuid_;
};

// Minted by the engine (UUIDv7) when a topic is registered.
class TopicId {
 public:
  explicit TopicId(Uuid uuid) : uuid_(uuid) {}
  // Errors: kInvalidArgument.
  [[nodiscard]] static Result<TopicId> Parse(std::string_view text);

  [[nodiscard]] const Uuid& uuid() const { return uuid_; }
  [[nodiscard]] std::string ToString() const { return uuid_.ToString(); }
  [[nodiscard]] std::string ToHex() const { return uuid_.ToHex(); }
  auto operator<=>(const TopicId&) const = default;

 private:
  Uuid uuid_;
};

// Lives as long as one subscription; never stored.
class SubscriptionId {
 public:
  [[nodiscard]] static SubscriptionId Random() { return SubscriptionId(Uuid::RandomV4()); }
  [[nodiscard]] std::string ToString() const { return uuid_.ToString(); }
  auto operator<=>(const SubscriptionId&) const = default;

 private:
  explicit SubscriptionId(Uuid uuid) : uuid_(uuid) {}
  Uuid uuid_;
};

}  // namespace jammi

template <>
struct std::hash<jammi::Uuid> {
  size_t operator()(const jammi::Uuid& uuid) const noexcept;
};
template <>
struct std::hash<jammi::TopicId> {
  size_t operator()(const jammi::TopicId& id) const noexcept { return std::hash<jammi::Uuid>{}(id.uuid()); }
};
template <>
struct std::hash<jammi::TenantId> {
  size_t operator()(const jammi::TenantId& id) const noexcept { return std::hash<jammi::Uuid>{}(id.uuid()); }
};
