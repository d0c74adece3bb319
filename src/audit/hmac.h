// HMAC-SHA256 and what is derived with it, by OpenSSL.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>

#include "base/hash.h"
#include "jammi/audit_keys.h"
#include "jammi/result.h"

struct evp_md_ctx_st;

namespace jammi::audit {

[[nodiscard]] inline std::span<const uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// One key, any number of messages. What depends on the key alone is computed once: SHA-256 of the key's two
// blocks (RFC 2104), from which each message goes on. Thread-safe. Errors: kInternal: OpenSSL has refused.
class Hmac {
 public:
  [[nodiscard]] static Result<Hmac> Make(std::span<const uint8_t> key);
  // Of all parts, one after the other.
  [[nodiscard]] Result<Sha256Digest> Of(std::initializer_list<std::span<const uint8_t>> parts) const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_md_ctx_st, Free>;
  static Context Begin(std::span<const uint8_t> key, uint8_t pad);
  Hmac(Context inner, Context outer) : inner_(std::move(inner)), outer_(std::move(outer)) {}
  Context inner_;
  Context outer_;
};

// HKDF-SHA256 (RFC 5869) of the master key: salt is the tenant's text, and 32 bytes come out.
[[nodiscard]] Result<AuditKeyBytes> DeriveTenantKey(const AuditKeyBytes& master, std::string_view tenant,
                                                    std::string_view info);
inline constexpr std::string_view kSigningInfo = "jammi-audit-search-v1";
inline constexpr std::string_view kChainInfo = "jammi-audit-chain-v1";

// Is `hex` the 64 lower-case digits of the digest? Takes the same time wherever they differ; false at once
// for another length.
[[nodiscard]] bool IsHexOf(const Sha256Digest& digest, std::string_view hex);

// Overwrites the text, so that the compiler cannot leave it out.
void Wipe(std::string& text);

}  // namespace jammi::audit
