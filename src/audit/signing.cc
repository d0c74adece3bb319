#include "audit/signing.h"

#include <fmt/format.h>

#include <utility>

#include "audit/audit_error.h"
#include "audit/json_text.h"

namespace jammi {
namespace audit {

namespace {

// About what a record's signed bytes have beside its lineage and results, and each score.
constexpr size_t kFixedBytes = 512;
constexpr size_t kScoreBytes = 24;

}  // namespace

Result<TenantKeysPtr> DeriveTenantKeys(const AuditMasterKey& master, std::string_view tenant) {
  JAMMI_ASSIGN(const auto signing_key, DeriveTenantKey(master.bytes(), tenant, kSigningInfo));
  JAMMI_ASSIGN(const auto chain_key, DeriveTenantKey(master.bytes(), tenant, kChainInfo));
  JAMMI_ASSIGN(auto signing, Hmac::Make(signing_key.bytes()));
  JAMMI_ASSIGN(auto chain, Hmac::Make(chain_key.bytes()));
  return std::make_shared<const TenantKeys>(master.id(), std::move(signing), std::move(chain));
}

Result<TenantKeysPtr> TenantKeyCache::Get(const AuditMasterKey& master, std::string_view tenant) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = keys_.find(NameView(master.id(), tenant)); at != keys_.end()) return at->second;
  }
  JAMMI_ASSIGN(auto derived, DeriveTenantKeys(master, tenant));
  const std::lock_guard lock(mutex_);
  if (keys_.size() >= kMost) keys_.erase(keys_.begin());
  return keys_.try_emplace({master.id(), std::string(tenant)}, std::move(derived)).first->second;
}

Result<Sha256Digest> Signer::DigestOf(const TenantKeys& keys, const SignedParts& parts) {
  bytes_.clear();
  bytes_.reserve(kFixedBytes + kScoreBytes * parts.scores.size() + parts.lineage.size() +
                 parts.result_ids.size());
  AppendSigned(parts, bytes_);
  return keys.signing.Of({BytesOf(bytes_)});
}

Result<std::string> Signer::Sign(const TenantKeys& keys, const SignedParts& parts) {
  JAMMI_ASSIGN(const auto digest, DigestOf(keys, parts));
  return ToHex(digest);
}

Result<bool> Signer::IsSigned(const TenantKeys& keys, const SignedParts& parts, std::string_view signature) {
  JAMMI_ASSIGN(const auto digest, DigestOf(keys, parts));
  return IsHexOf(digest, signature);
}

namespace {

// Is `signature` what one of the keys makes of the parts, with the scheme and key that `record` names or,
// where it names none, with any?
Result<bool> AnySigns(const AuditRecord& record, std::string_view tenant, const AuditKeyRing& ring,
                      TenantKeyCache& cache, SignedParts parts) {
  Signer signer;
  bool signed_for = false;
  for (const AuditMasterKey& key : ring.keys()) {
    if (!record.key_id.empty() && key.id() != record.key_id) continue;
    JAMMI_ASSIGN(const auto keys, cache.Get(key, tenant));
    for (const AuditScheme scheme : {AuditScheme::kJammi, AuditScheme::kReference}) {
      if (record.scheme.value_or(scheme) != scheme) continue;
      parts.scheme = static_cast<int64_t>(scheme);
      parts.key_id = key.id();
      JAMMI_ASSIGN(const bool good, signer.IsSigned(*keys, parts, record.signature));
      signed_for = signed_for || good;
    }
  }
  return signed_for;
}

}  // namespace

Result<bool> IsSignedFor(const AuditRecord& record, std::string_view tenant, const AuditKeyRing& ring,
                         TenantKeyCache& cache) {
  JAMMI_TRY(CheckToVerify(record));
  if (!record.key_id.empty() && ring.Find(record.key_id) == nullptr) return UnknownKey(record.key_id);
  const std::string query_id = record.query_id.ToString();
  std::string result_ids;
  result_ids.reserve(16 * record.top_k_result_ids.size());
  AppendStrings(record.top_k_result_ids, result_ids);
  SignedParts parts{.query_id = query_id,
                    .tenant = *record.tenant_id,
                    .model_id = record.model_id,
                    .model_version = record.model_version,
                    .lineage = LineageOf(record),
                    .result_ids = result_ids,
                    .scores = record.retrieval_scores,
                    .executed_at = record.executed_at};
  // The lineage of a record that was fetched is the text that was signed, and need not be parsed. All other
  // members are well-formed, so the bytes can be taken apart in one way only: if they were signed, then with
  // this text as their lineage.
  JAMMI_ASSIGN(const bool as_it_is, AnySigns(record, tenant, ring, cache, parts));
  if (as_it_is) return true;
  JAMMI_ASSIGN(const std::string canonical, CanonicalJson(parts.lineage));
  if (canonical == parts.lineage) return false;
  parts.lineage = canonical;
  return AnySigns(record, tenant, ring, cache, parts);
}

Result<void> ExpectSigned(const AuditRecord& record, const AuditKeyRing& ring, TenantKeyCache& cache) {
  if (!record.tenant_id) return NoTenantBinding("the record");
  JAMMI_ASSIGN(const bool good, IsSignedFor(record, *record.tenant_id, ring, cache));
  if (good) return {};
  const std::string id = record.query_id.ToString();
  return SignatureMismatch(fmt::format("audit record {}", id), id);
}

}  // namespace audit

Result<std::string> CanonicalBytes(const AuditRecord& record, AuditScheme scheme, std::string_view key_id) {
  JAMMI_ASSIGN(auto stored, audit::ToStored(record));
  stored.scheme = static_cast<int64_t>(scheme);
  stored.key_id = key_id;
  std::string bytes;
  audit::AppendSigned(audit::PartsOf(stored, record.retrieval_scores), bytes);
  return bytes;
}

Result<void> SignAuditRecord(AuditRecord& record, const AuditMasterKey& key, AuditScheme scheme) {
  JAMMI_ASSIGN(auto stored, audit::ToStored(record));
  stored.scheme = static_cast<int64_t>(scheme);
  stored.key_id = key.id();
  JAMMI_ASSIGN(const auto keys, audit::DeriveTenantKeys(key, stored.tenant));
  audit::Signer signer;
  JAMMI_ASSIGN(record.signature, signer.Sign(*keys, audit::PartsOf(stored, record.retrieval_scores)));
  record.scheme = scheme;
  record.key_id = key.id();
  return {};
}

Result<void> VerifyAuditRecord(const AuditRecord& record, const AuditKeyRing& keys) {
  audit::TenantKeyCache cache;
  return audit::ExpectSigned(record, keys, cache);
}

Result<bool> VerifyAuditRecordFor(const AuditRecord& record, std::string_view tenant,
                                  const AuditKeyRing& keys) {
  audit::TenantKeyCache cache;
  return audit::IsSignedFor(record, tenant, keys, cache);
}

// --- AuditVerifier

struct AuditVerifier::State {
  explicit State(std::shared_ptr<const AuditKeyRing> keys) : ring(std::move(keys)) {}
  const std::shared_ptr<const AuditKeyRing> ring;
  audit::TenantKeyCache cache;
};

AuditVerifier::AuditVerifier(std::shared_ptr<const AuditKeyRing> keys)
    : state_(std::make_unique<State>(std::move(keys))) {}
AuditVerifier::~AuditVerifier() = default;

Result<void> AuditVerifier::Verify(const AuditRecord& record) const {
  return audit::ExpectSigned(record, *state_->ring, state_->cache);
}

Result<bool> AuditVerifier::VerifyFor(const AuditRecord& record, std::string_view tenant) const {
  return audit::IsSignedFor(record, tenant, *state_->ring, state_->cache);
}

}  // namespace jammi
