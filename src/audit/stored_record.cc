#include "audit/stored_record.h"

#include <fmt/format.h>

#include <cmath>

#include "audit/audit_error.h"
#include "audit/hmac.h"
#include "audit/json_text.h"
#include "base/time_text.h"
#include "catalog/arguments.h"

namespace jammi {
namespace audit {
namespace {

constexpr size_t kMaxTextBytes = 64 << 10;
constexpr size_t kMaxResults = 100'000;

// Without it there is no one text of the record.
Result<void> CheckShape(const AuditRecord& record) {
  const size_t ids = record.top_k_result_ids.size();
  const size_t scores = record.retrieval_scores.size();
  if (ids != scores) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("there are {} results and {} scores", ids, scores),
                 AuditDetail{.fault = AuditFault::kLengthMismatch,
                             .query_id = record.query_id.ToString(),
                             .actual = ids,
                             .expected = scores});
  }
  for (size_t i = 0; i < scores; ++i) {
    if (!std::isfinite(record.retrieval_scores[i])) {
      return InvalidArgument("retrieval_scores", fmt::format("[{}] is not a finite number", i));
    }
  }
  if (!HasTimeText(record.executed_at))
    return InvalidArgument("executed_at", "is not in the years 0 to 9999");
  return {};
}

Result<void> Check(const AuditRecord& record) {
  JAMMI_TRY(CheckShape(record));
  const size_t ids = record.top_k_result_ids.size();
  if (ids > kMaxResults)
    return InvalidArgument("top_k_result_ids", fmt::format("has {} results, more than {}", ids, kMaxResults));
  for (const std::string& id : record.top_k_result_ids) {
    JAMMI_TRY(CheckText("top_k_result_ids", id, 0, kMaxTextBytes));
  }
  JAMMI_TRY(CheckText("model_id", record.model_id, 0, kMaxTextBytes));
  return CheckText("model_version", record.model_version, 0, kMaxTextBytes);
}

// But for the lineage.
Result<void> CheckToStore(const AuditRecord& record) {
  if (!record.tenant_id) return NoTenantBinding("the record");
  JAMMI_TRY(Check(record));
  return CheckText("tenant_id", *record.tenant_id, 1, kMaxTextBytes);
}

Error Damaged(const StoredRecord& record, std::string_view column) {
  return Error(ErrorCode::kDataLoss,
               fmt::format("audit record {} of {}: {} is damaged", record.query_id, record.tenant, column),
               BackendDetail{BackendFault::kTypeConversion, fmt::format("search_audit.{}", column), {}});
}

void AppendMember(std::string_view name, std::string_view text, std::string& out) {
  out.append(1, '"').append(name).append("\":");
  AppendString(text, out);
  out += ',';
}

// Of a record that was checked; its lineage is canonical.
StoredRecord LayOut(const AuditRecord& record, std::string lineage) {
  StoredRecord stored{.tenant = *record.tenant_id,
                      .query_id = record.query_id.ToString(),
                      .model_id = record.model_id,
                      .model_version = record.model_version,
                      .lineage = std::move(lineage),
                      .executed_at = record.executed_at,
                      .scheme = record.scheme ? static_cast<int64_t>(*record.scheme) : 0,
                      .key_id = record.key_id,
                      .signature = record.signature};
  AppendStrings(record.top_k_result_ids, stored.result_ids);
  AppendScores(record.retrieval_scores, stored.scores);
  return stored;
}

void AppendLength(uint64_t length, std::string& out) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xFF);
}

}  // namespace

Result<void> CheckToVerify(const AuditRecord& record) {
  if (!record.tenant_id) return NoTenantBinding("the record");
  return CheckShape(record);
}

std::string_view LineageOf(const AuditedQuery& query) {
  return query.query_lineage.empty() ? std::string_view("{}") : query.query_lineage;
}

Result<StoredRecord> ToStored(const AuditRecord& record) {
  JAMMI_TRY(CheckToStore(record));
  JAMMI_ASSIGN(auto lineage, CanonicalJson(LineageOf(record)));
  return LayOut(record, std::move(lineage));
}

Result<StoredRecord> ToStored(const AuditRecord& record, std::string lineage) {
  JAMMI_TRY(CheckToStore(record));
  return LayOut(record, std::move(lineage));
}

Result<AuditRecord> FromStored(StoredRecord stored) {
  AuditRecord record;
  const auto id = Uuid::Parse(stored.query_id);
  if (!id || id->ToString() != stored.query_id) return Damaged(stored, "query_id");
  if (stored.scheme != 1 && stored.scheme != 2) return Damaged(stored, "scheme");
  if (!HasTimeText(stored.executed_at)) return Damaged(stored, "executed_at");
  if (!ParseStrings(stored.result_ids, record.top_k_result_ids)) return Damaged(stored, "top_k_result_ids");
  if (!ParseScores(stored.scores, record.retrieval_scores) ||
      record.retrieval_scores.size() != record.top_k_result_ids.size()) {
    return Damaged(stored, "retrieval_scores");
  }
  record.query_id = *id;
  record.tenant_id = std::move(stored.tenant);
  record.model_id = std::move(stored.model_id);
  record.model_version = std::move(stored.model_version);
  record.query_lineage = std::move(stored.lineage);
  record.executed_at = stored.executed_at;
  record.scheme = static_cast<AuditScheme>(stored.scheme);
  record.key_id = std::move(stored.key_id);
  record.signature = std::move(stored.signature);
  return record;
}

SignedParts PartsOf(const StoredRecord& record, std::span<const float> scores) {
  return {.scheme = record.scheme,
          .key_id = record.key_id,
          .query_id = record.query_id,
          .tenant = record.tenant,
          .model_id = record.model_id,
          .model_version = record.model_version,
          .lineage = record.lineage,
          .result_ids = record.result_ids,
          .scores = scores,
          .executed_at = record.executed_at};
}

void AppendSigned(const SignedParts& parts, std::string& out) {
  const bool ours = parts.scheme == static_cast<int64_t>(AuditScheme::kJammi);
  out += '{';
  if (ours) {
    AppendMember("scheme", "jammi-audit-2", out);
    AppendMember("key_id", parts.key_id, out);
  }
  AppendMember("query_id", parts.query_id, out);
  AppendMember("tenant_id", parts.tenant, out);
  AppendMember("model_id", parts.model_id, out);
  AppendMember("model_version", parts.model_version, out);
  out.append("\"query_lineage\":").append(parts.lineage);
  out.append(",\"top_k_result_ids\":").append(parts.result_ids);
  out.append(",\"retrieval_scores\":");
  AppendWidenedScores(parts.scores, out);
  out.append(",\"executed_at\":\"");
  AppendTime(parts.executed_at, ours ? TimeFraction::kMicros : TimeFraction::kNone, out);
  out.append("\"}");
}

Sha256Digest DigestOf(const StoredRecord& record) {
  std::string bytes;
  bytes.reserve(256 + record.model_id.size() + record.model_version.size() + record.lineage.size() +
                record.result_ids.size() + record.scores.size());
  for (const std::string* text :
       {&record.tenant, &record.query_id, &record.model_id, &record.model_version, &record.lineage,
        &record.result_ids, &record.scores, &record.key_id, &record.signature}) {
    AppendLength(text->size(), bytes);
    bytes += *text;
  }
  AppendLength(static_cast<uint64_t>(record.executed_at), bytes);
  AppendLength(static_cast<uint64_t>(record.scheme), bytes);
  return Sha256(BytesOf(bytes));
}

bool SameContent(const StoredRecord& a, const StoredRecord& b) {
  return a.tenant == b.tenant && a.query_id == b.query_id && a.model_id == b.model_id &&
         a.model_version == b.model_version && a.lineage == b.lineage && a.result_ids == b.result_ids &&
         a.scores == b.scores;
}

}  // namespace audit

Result<AuditRecord> MakeAuditRecord(AuditedQuery query, UnixMicros executed_at) {
  AuditRecord record;
  static_cast<AuditedQuery&>(record) = std::move(query);
  record.executed_at = executed_at;
  JAMMI_TRY(audit::Check(record));
  record.query_lineage = audit::LineageOf(record);
  JAMMI_TRY(audit::CanonicalJson(record.query_lineage));
  return record;
}

bool AuditRecord::operator==(const AuditRecord& other) const {
  return query_id == other.query_id && model_id == other.model_id && model_version == other.model_version &&
         query_lineage == other.query_lineage && top_k_result_ids == other.top_k_result_ids &&
         retrieval_scores == other.retrieval_scores && tenant_id == other.tenant_id &&
         executed_at == other.executed_at && scheme == other.scheme && key_id == other.key_id &&
         signature == other.signature;
}

}  // namespace jammi
