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

struct TenantKeys {
  std::string key_id;
  AuditKeyBytes signing;
  AuditKeyBytes chain;
};
using TenantKeysPtr = std::shared_ptr<const TenantKeys>;
[[nodiscard]] Result<TenantKeysPtr> DeriveTenantKeys(const AuditMasterKey& master, std::string_view tenant);

// Remembers what was derived lately: a key's id stands for the key. Thread-safe.
class TenantKeyCache {
 public:
  [[nodiscard]] Result<TenantKeysPtr> Get(const AuditMasterKey& master, std::string_view tenant);

 private:
  static constexpr size_t kMost = 1024;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, TenantKeysPtr> keys_;  // by key id and tenant
};

// Signs for one tenant. One thread at a time.
class Signer {
 public:
  [[nodiscard]] static Result<Signer> Make(const TenantKeys& keys);
  // 64 hexadecimal digits over AppendSigned().
  [[nodiscard]] Result<std::string> Sign(const StoredRecord& record, std::span<const float> scores);

 private:
  explicit Signer(Hmac hmac) : hmac_(std::move(hmac)) {}
  Hmac hmac_;
  std::string bytes_;
};

// VerifyAuditRecordFor() with keys that may have been derived before.
[[nodiscard]] Result<bool> IsSignedFor(const AuditRecord& record, std::string_view tenant,
                                       const AuditKeyRing& ring, TenantKeyCache& cache);

}  // namespace jammi::audit
