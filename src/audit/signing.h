// Signatures of records, and the keys of a tenant under a master key.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "audit/hmac.h"
#include "audit/stored_record.h"
#include "jammi/audit.h"

namespace jammi::audit {

// Immutable.
struct TenantKeys {
  std::string key_id;
  Hmac signing;
  Hmac chain;
};
using TenantKeysPtr = std::shared_ptr<const TenantKeys>;
[[nodiscard]] Result<TenantKeysPtr> DeriveTenantKeys(const AuditMasterKey& master, std::string_view tenant);

// Remembers what was derived lately: a key's id stands for the key. Thread-safe.
class TenantKeyCache {
 public:
  [[nodiscard]] Result<TenantKeysPtr> Get(const AuditMasterKey& master, std::string_view tenant);

 private:
  static constexpr size_t kMost = 1024;
  using Name = std::pair<std::string, std::string>;  // key id and tenant
  using NameView = std::pair<std::string_view, std::string_view>;
  struct Less {
    using is_transparent = void;
    static NameView View(const Name& name) { return {name.first, name.second}; }
    static NameView View(const NameView& name) { return name; }
    bool operator()(const auto& a, const auto& b) const { return View(a) < View(b); }
  };
  std::mutex mutex_;
  std::map<Name, TenantKeysPtr, Less> keys_;
};

// Signs and verifies one record after the other with the same memory. One thread at a time.
class Signer {
 public:
  // 64 hexadecimal digits over AppendSigned().
  [[nodiscard]] Result<std::string> Sign(const TenantKeys& keys, const SignedParts& parts);
  // Is `signature` what Sign() gives?
  [[nodiscard]] Result<bool> IsSigned(const TenantKeys& keys, const SignedParts& parts,
                                      std::string_view signature);

 private:
  [[nodiscard]] Result<Sha256Digest> DigestOf(const TenantKeys& keys, const SignedParts& parts);
  std::string bytes_;
};

// VerifyAuditRecordFor() with keys that may have been derived before.
[[nodiscard]] Result<bool> IsSignedFor(const AuditRecord& record, std::string_view tenant,
                                       const AuditKeyRing& ring, TenantKeyCache& cache);
// VerifyAuditRecord() likewise.
[[nodiscard]] Result<void> ExpectSigned(const AuditRecord& record, const AuditKeyRing& ring,
                                        TenantKeyCache& cache);

}  // namespace jammi::audit
