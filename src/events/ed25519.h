// Public keys of Ed25519 (RFC 8032).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "jammi/result.h"

struct evp_pkey_st;

namespace jammi::events {

enum class PointFault : uint8_t {
  kNone,
  kNotOnCurve,  // or not written in the one way that the RFC allows
  kSmallOrder,  // a signature for it can be made without a key
};
// `point`: 32 bytes.
[[nodiscard]] PointFault CheckPoint(std::string_view point);

// Immutable; thread-safe.
class Ed25519PublicKey {
 public:
  // `point`: 32 bytes that CheckPoint() finds nothing wrong with. Errors: kInternal.
  [[nodiscard]] static Result<std::shared_ptr<const Ed25519PublicKey>> Make(std::string_view point);
  ~Ed25519PublicKey();
  Ed25519PublicKey(const Ed25519PublicKey&) = delete;
  Ed25519PublicKey& operator=(const Ed25519PublicKey&) = delete;

  // `signature`: 64 bytes.
  [[nodiscard]] bool Verifies(std::string_view bytes, std::string_view signature) const;

 private:
  explicit Ed25519PublicKey(evp_pkey_st* key) : key_(key) {}
  evp_pkey_st* const key_;
};

}  // namespace jammi::events
