// A record as it lies in the table, what of it is signed, and what of it the chain binds.
#pragma once

#include <cstdint>
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

// Checks the record, and lays it out; seq and chain are left. Errors: those of MakeAuditRecord();
// kFailedPrecondition with AuditDetail(kNoTenantBinding).
[[nodiscard]] Result<StoredRecord> ToStored(const AuditRecord& record);
// Errors: kDataLoss with BackendDetail(kTypeConversion) naming the column that is damaged.
[[nodiscard]] Result<AuditRecord> FromStored(StoredRecord stored);

// What is signed, appended. The texts are taken as they are: whoever has not made the record himself must
// trust the row's digest, which tells its columns apart. `scores` are those of the record.
void AppendSigned(const StoredRecord& record, std::span<const float> scores, std::string& out);

// SHA-256 of all columns but the chain's and the number: each with its length, so that nothing can move from
// one into another.
[[nodiscard]] Sha256Digest DigestOf(const StoredRecord& record);

// Are they the same but for the time and what depends on it?
[[nodiscard]] bool SameContent(const StoredRecord& a, const StoredRecord& b);

}  // namespace jammi::audit
