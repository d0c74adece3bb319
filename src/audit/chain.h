// The keyed chain of a tenant's records, and how it is checked.
//
//   chain_n = HMAC-SHA256(chain key, chain_{n-1} || n as 8 bytes || digest of record n)
//
// chain_0 is 32 zero bytes; the key is the tenant's under the master key that record n names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "audit/signing.h"
#include "audit/stored_record.h"

namespace jammi::audit {

[[nodiscard]] Result<Sha256Digest> Link(const Hmac& chain, const Sha256Digest& before, int64_t seq,
                                        const Sha256Digest& digest);

// Who checks a chain record by record, in the order of their numbers, in bounded memory. One thread.
class ChainChecker {
 public:
  // The first number that is expected, and the chain before it; absent: it is not known, and the first
  // record's place is taken on trust. `cache` must outlive the checker.
  ChainChecker(std::shared_ptr<const AuditKeyRing> keys, TenantKeyCache& cache, std::string tenant,
               int64_t first, std::optional<Sha256Digest> before)
      : keys_(std::move(keys)), cache_(cache), tenant_(std::move(tenant)), next_(first), before_(before) {}

  // Errors: kInternal.
  [[nodiscard]] Result<void> Add(const StoredRecord& record);
  // Records up to this number are expected, and the chain there. Absent: just the number.
  void ExpectEnd(int64_t seq, const std::optional<Sha256Digest>& chain);

  void Find(ChainFinding::Kind kind, int64_t seq, std::string query_id = {});
  [[nodiscard]] int64_t next() const { return next_; }
  [[nodiscard]] ChainReport& report() { return report_; }

 private:
  // Null: the key is not there.
  [[nodiscard]] Result<TenantKeysPtr> KeysOf(const std::string& key_id);
  [[nodiscard]] Result<bool> IsSigned(const StoredRecord& record, const TenantKeys& keys);
  [[nodiscard]] Result<bool> IsLinked(const StoredRecord& record, const TenantKeys& keys);

  const std::shared_ptr<const AuditKeyRing> keys_;
  TenantKeyCache& cache_;
  const std::string tenant_;
  int64_t next_;
  // Of the record before: the chain that it has, and the one that it should have had.
  std::optional<Sha256Digest> before_;
  std::optional<Sha256Digest> should_be_;
  Signer signer_;
  std::vector<float> scores_;
  ChainReport report_;
};

[[nodiscard]] Result<AuditCheckpoint> MakeCheckpoint(const AuditMasterKey& key, std::string_view tenant,
                                                     int64_t seq, const Sha256Digest& chain,
                                                     UnixMicros made_at);
// Was it made with one of the keys? Errors: kDataLoss with AuditDetail(kSignatureMismatch);
// kFailedPrecondition with AuditDetail(kMasterKey).
[[nodiscard]] Result<void> CheckCheckpoint(const AuditCheckpoint& checkpoint, std::string_view tenant,
                                           const AuditKeyRing& keys);

// 64 lower-case digits. nullopt: it is something else.
[[nodiscard]] std::optional<Sha256Digest> DigestFromHex(std::string_view hex);

}  // namespace jammi::audit
