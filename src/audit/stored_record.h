// A record as it lies in the table, what of it is signed, and what of it the chain binds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/hash.h"
#include "jammi/audit.h"

namespace jammi::audit {

// The columns. The lists and the lineage are JSON of one possible text each (json_text.h), so that what is
// signed follows from the stored texts alone.
struct StoredRecord {
  std::string tenant;
  int64_t seq = 0;  // 1, 2, ... for each tenant
  std::string query_id;
  std::string model_id;
  std::string model_version;
  std::string lineage;
  std::string result_ids;
  std::string scores;  // binary32, shortest form
  UnixMicros executed_at = 0;
  int64_t scheme = 0;
  std::string key_id;
  std::string signature;
  Sha256Digest chain{};
};

// Has the record a tenant, and scores and a time that can be written? Its texts are not looked at: one that
// is none was never signed. Errors: those of ToStored().
[[nodiscard]] Result<void> CheckToVerify(const AuditRecord& record);
// The lineage as it was given; an empty text is the empty object.
[[nodiscard]] std::string_view LineageOf(const AuditedQuery& query);

// Checks the record, and lays it out; seq and chain are left. Errors: those of MakeAuditRecord();
// kFailedPrecondition with AuditDetail(kNoTenantBinding).
[[nodiscard]] Result<StoredRecord> ToStored(const AuditRecord& record);
// The same for a record whose lineage is `lineage`, which CanonicalJson() has made.
[[nodiscard]] Result<StoredRecord> ToStored(const AuditRecord& record, std::string lineage);
// Errors: kDataLoss with BackendDetail(kTypeConversion) naming the column that is damaged.
[[nodiscard]] Result<AuditRecord> FromStored(StoredRecord stored);

// What is signed. Borrowed.
struct SignedParts {
  int64_t scheme = 0;
  std::string_view key_id;
  std::string_view query_id;
  std::string_view tenant;
  std::string_view model_id;
  std::string_view model_version;
  std::string_view lineage;     // JSON
  std::string_view result_ids;  // JSON
  std::span<const float> scores;
  UnixMicros executed_at = 0;
};
// `scores` are those of the record.
[[nodiscard]] SignedParts PartsOf(const StoredRecord& record, std::span<const float> scores);

// The bytes that are signed, appended. JSON is taken as it is: whoever has not made it himself must trust the
// row's digest, which tells its columns apart.
void AppendSigned(const SignedParts& parts, std::string& out);

// SHA-256 of all columns but the chain's and the number: each with its length, so that nothing can move from
// one into another.
[[nodiscard]] Sha256Digest DigestOf(const StoredRecord& record);

// Are they the same but for the time and what depends on it?
[[nodiscard]] bool SameContent(const StoredRecord& a, const StoredRecord& b);

}  // namespace jammi::audit
