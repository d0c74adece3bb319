#include "audit/signing.h"

#include <fmt/format.h>

#include <array>

#include "audit/audit_error.h"

namespace jammi {
namespace audit {

Result<TenantKeysPtr> DeriveTenantKeys(const AuditMasterKey& master, std::string_view tenant) {
  auto keys = std::make_shared<TenantKeys>();
  keys->key_id = master.id();
  JAMMI_ASSIGN(keys->signing, DeriveTenantKey(master.bytes(), tenant, kSigningInfo));
  JAMMI_ASSIGN(keys->chain, DeriveTenantKey(master.bytes(), tenant, kChainInfo));
  return keys;
}

Result<TenantKeysPtr> TenantKeyCache::Get(const AuditMasterKey& master, std::string_view tenant) {
  std::pair key{master.id(), std::string(tenant)};
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = keys_.find(key); at != keys_.end()) return at->second;
  }
  JAMMI_ASSIGN(auto derived, DeriveTenantKeys(master, tenant));
  const std::lock_guard lock(mutex_);
  if (keys_.size() >= kMost) keys_.erase(keys_.begin());
  return keys_.try_emplace(std::move(key), std::move(derived)).first->second;
}

Result<Signer> Signer::Make(const TenantKeys& keys) {
  JAMMI_ASSIGN(auto hmac, Hmac::Make(keys.signing.bytes()));
  return Signer(std::move(hmac));
}

Result<std::string> Signer::Sign(const StoredRecord& record, std::span<const float> scores) {
  bytes_.clear();
  AppendSigned(record, scores, bytes_);
  JAMMI_ASSIGN(const auto digest, hmac_.Of({BytesOf(bytes_)}));
  return ToHex(digest);
}

Result<bool> IsSignedFor(const AuditRecord& record, std::string_view tenant, const AuditKeyRing& ring,
                         TenantKeyCache& cache) {
  JAMMI_ASSIGN(StoredRecord stored, ToStored(record));
  if (!record.key_id.empty() && ring.Find(record.key_id) == nullptr) return UnknownKey(record.key_id);
  bool signed_for = false;
  for (const AuditMasterKey& key : ring.keys()) {
    if (!record.key_id.empty() && key.id() != record.key_id) continue;
    JAMMI_ASSIGN(const auto keys, cache.Get(key, tenant));
    JAMMI_ASSIGN(auto signer, Signer::Make(*keys));
    for (const AuditScheme scheme : {AuditScheme::kJammi, AuditScheme::kReference}) {
      if (record.scheme.value_or(scheme) != scheme) continue;
      stored.scheme = static_cast<int64_t>(scheme);
      stored.key_id = key.id();
      JAMMI_ASSIGN(const auto expected, signer.Sign(stored, record.retrieval_scores));
      if (EqualInConstantTime(expected, record.signature)) signed_for = true;
    }
  }
  return signed_for;
}

}  // namespace audit

Result<std::string> CanonicalBytes(const AuditRecord& record, AuditScheme scheme, std::string_view key_id) {
  JAMMI_ASSIGN(auto stored, audit::ToStored(record));
  stored.scheme = static_cast<int64_t>(scheme);
  stored.key_id = key_id;
  std::string bytes;
  audit::AppendSigned(stored, record.retrieval_scores, bytes);
  return bytes;
}

Result<void> SignAuditRecord(AuditRecord& record, const AuditMasterKey& key, AuditScheme scheme) {
  JAMMI_ASSIGN(auto stored, audit::ToStored(record));
  stored.scheme = static_cast<int64_t>(scheme);
  stored.key_id = key.id();
  JAMMI_ASSIGN(const auto keys, audit::DeriveTenantKeys(key, stored.tenant));
  JAMMI_ASSIGN(auto signer, audit::Signer::Make(*keys));
  JAMMI_ASSIGN(record.signature, signer.Sign(stored, record.retrieval_scores));
  record.scheme = scheme;
  record.key_id = key.id();
  return {};
}

Result<void> VerifyAuditRecord(const AuditRecord& record, const AuditKeyRing& keys) {
  if (!record.tenant_id) return audit::NoTenantBinding("the record");
  JAMMI_ASSIGN(const bool good, VerifyAuditRecordFor(record, *record.tenant_id, keys));
  if (good) return {};
  const std::string id = record.query_id.ToString();
  return audit::SignatureMismatch(fmt::format("audit record {}", id), id);
}

Result<bool> VerifyAuditRecordFor(const AuditRecord& record, std::string_view tenant,
                                  const AuditKeyRing& keys) {
  audit::TenantKeyCache cache;
  return audit::IsSignedFor(record, tenant, keys, cache);
}

}  // namespace jammi
