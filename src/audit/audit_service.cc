#include "audit/audit_service.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdlib>
#include <unordered_set>

#include "audit/audit_error.h"
#include "audit/audit_rows.h"
#include "audit/chain.h"
#include "audit/record_json.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "base/text.h"
#include "catalog/run_again.h"

namespace jammi {
namespace {

using audit::LogCall;
using audit::StoredRecord;

constexpr size_t kEventBytes = 4 << 20;  // of records in one event of the topic; it holds one at least
constexpr size_t kMostTopics = 16'384;

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

const std::shared_ptr<arrow::Schema>& TopicSchema() {
  static const auto schema = arrow::schema({arrow::field("record", arrow::utf8(), /*nullable=*/false)});
  return schema;
}

Error OutOfMemory() {
  return Error(ErrorCode::kResourceExhausted, "no memory for the event of an audit record");
}

// One event, or several where they are large.
Result<Batches> ToEvents(std::span<const StoredRecord* const> records) {
  Batches batches;
  arrow::StringBuilder builder;
  std::string json;
  const auto finish = [&]() -> Result<void> {
    const int64_t rows = builder.length();
    auto column = builder.Finish();
    if (!column.ok()) return OutOfMemory();
    batches.push_back(arrow::RecordBatch::Make(TopicSchema(), rows, {*std::move(column)}));
    return {};
  };
  for (const StoredRecord* const record : records) {
    json.clear();
    audit::AppendRecordJson(*record, json);
    json += '}';
    const bool full = builder.value_data_length() + static_cast<int64_t>(json.size()) > int64_t{kEventBytes};
    if (full && builder.length() > 0) JAMMI_TRY(finish());
    if (!builder.Append(json).ok()) return OutOfMemory();
  }
  JAMMI_TRY(finish());
  return batches;
}

// Gives the records their numbers, and binds each to the one before; the chain of the last.
Result<Sha256Digest> LinkAll(std::span<LogCall* const> calls, const audit::ChainHead& head) {
  int64_t seq = head.seq;
  Sha256Digest chain = head.chain;
  for (const LogCall* const call : calls) {
    for (size_t i = 0; i < call->records.size(); ++i) {
      JAMMI_ASSIGN(chain, audit::Link(call->keys->chain, chain, ++seq, call->digests[i]));
      call->records[i]->seq = seq;
      call->records[i]->chain = chain;
    }
  }
  return chain;
}

// AUD-013: the variable, read at every call.
int64_t MaxLineageBytes(int64_t configured) {
  static std::atomic<bool> told = false;
  const char* const variable = std::getenv(std::string(kMaxLineageVariable).c_str());
  if (variable == nullptr) return configured;
  const std::string_view text = Trim(variable);
  int64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error == std::errc() && end == text.data() + text.size() && bytes >= 0) return bytes;
  if (!told.exchange(true)) {
    Log(LogLevel::kWarning, "{} is not a number of bytes: {} is used", kMaxLineageVariable, configured);
  }
  return configured;
}

Error Duplicate(ErrorCode code, std::string_view why, const std::string& query_id) {
  return Error(code, fmt::format("audit record {} {}", query_id, why),
               AuditDetail{.fault = AuditFault::kDuplicateQueryId, .query_id = query_id});
}

}  // namespace

AuditService::AuditService(CatalogBackend& backend, Streams& streams, std::shared_ptr<AuditKeyStore> keys,
                           AuditOptions options)
    : backend_(backend),
      streams_(streams),
      keys_(std::move(keys)),
      options_(std::move(options)),
      groups_([this](auto calls, Deadline deadline) { return Write(calls, deadline); }) {}

// --- Log ------------------------------------------------------------------------------------------------

Result<std::vector<AuditRecord>> AuditService::Log(const Scope& scope, std::span<const AuditedQuery> queries,
                                                   Deadline deadline) {
  if (queries.empty()) return std::vector<AuditRecord>();
  if (scope.is_global()) return audit::NoTenantBinding("the session");
  JAMMI_ASSIGN(Records records, Shape(scope, queries));
  JAMMI_TRY(CheckLineage(records));
  JAMMI_ASSIGN(const auto keys, Sign(queries, records));

  Known known;
  for (int run = 1; known.size() < records.size(); ++run) {
    JAMMI_ASSIGN(auto call, Prepare(scope, records, known, keys, deadline));
    LogCall* const alone[] = {&call};
    auto written = run == 1 ? groups_.Submit(scope.Key(), call) : Write(alone, deadline);
    if (!written) return std::move(written).error();
    if (*written) break;
    if (run == kMaxRuns)
      return Error(ErrorCode::kAborted, "the audit records are logged by others all the time");
    JAMMI_ASSIGN(known, FindKnown(records, deadline));
  }

  std::vector<AuditRecord> logged(queries.size());
  for (size_t i = 0; i < queries.size(); ++i) {
    if (const auto before = known.find(i); before != known.end()) {
      JAMMI_ASSIGN(logged[i], audit::FromStored(std::move(before->second)));
      continue;
    }
    static_cast<AuditedQuery&>(logged[i]) = queries[i];
    logged[i].tenant_id = std::move(records[i].tenant);
    logged[i].query_lineage = std::move(records[i].lineage);
    logged[i].executed_at = records[i].executed_at;
    logged[i].scheme = static_cast<AuditScheme>(records[i].scheme);
    logged[i].key_id = std::move(records[i].key_id);
    logged[i].signature = std::move(records[i].signature);
  }
  return logged;
}

Result<AuditService::Records> AuditService::Shape(const Scope& scope,
                                                  std::span<const AuditedQuery> queries) const {
  if (queries.size() > AuditLog::kMaxRecords) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("{} audit records in one call, more than {}",
                                                          queries.size(), AuditLog::kMaxRecords));
  }
  const UnixMicros now = options_.clock->Now();
  Records records;
  records.reserve(queries.size());
  std::unordered_set<Uuid> ids;
  for (size_t i = 0; i < queries.size(); ++i) {
    AuditRecord record;
    static_cast<AuditedQuery&>(record) = queries[i];
    record.tenant_id = scope.Key();
    record.executed_at = now;
    auto stored = audit::ToStored(record);
    if (!stored) return std::move(stored).error().While(fmt::format("query {}", i));
    if (!ids.insert(record.query_id).second) {
      return Duplicate(ErrorCode::kInvalidArgument, "is there twice", stored->query_id);
    }
    records.push_back(std::move(*stored));
  }
  return records;
}

Result<void> AuditService::CheckLineage(const Records& records) const {
  const auto most = static_cast<uint64_t>(MaxLineageBytes(options_.max_lineage_bytes));
  for (const StoredRecord& record : records) {
    if (record.lineage.size() <= most) continue;
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("the lineage of audit record {} has {} bytes, more than {}", record.query_id,
                             record.lineage.size(), most),
                 AuditDetail{.fault = AuditFault::kLineageTooLarge,
                             .query_id = record.query_id,
                             .actual = record.lineage.size(),
                             .expected = most});
  }
  return {};
}

Result<audit::TenantKeysPtr> AuditService::Sign(std::span<const AuditedQuery> queries, Records& records) {
  JAMMI_ASSIGN(const auto ring, keys_->Keys());
  JAMMI_ASSIGN(auto keys, cache_.Get(ring->signing(), records.front().tenant));
  audit::Signer signer;
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].scheme = static_cast<int64_t>(AuditScheme::kJammi);
    records[i].key_id = keys->key_id;
    JAMMI_ASSIGN(records[i].signature,
                 signer.Sign(*keys, audit::PartsOf(records[i], queries[i].retrieval_scores)));
  }
  return keys;
}

Result<LogCall> AuditService::Prepare(const Scope& scope, Records& all, const Known& known,
                                      const audit::TenantKeysPtr& keys, Deadline deadline) {
  std::vector<StoredRecord*> records;
  std::vector<Sha256Digest> digests;
  for (size_t i = 0; i < all.size(); ++i) {
    if (known.contains(i)) continue;
    records.push_back(&all[i]);
    digests.push_back(audit::DigestOf(all[i]));
  }
  JAMMI_ASSIGN(const auto events, ToEvents(records));
  JAMMI_ASSIGN(const TopicId topic, EnsureTopic(scope));
  JAMMI_ASSIGN(auto announcement, streams_.PrepareAppend(scope, topic, events, {}, TopicWriter::kEngine));
  return LogCall{std::move(records), std::move(digests), keys, std::move(announcement), deadline};
}

Result<bool> AuditService::Write(std::span<LogCall* const> calls, Deadline deadline) {
  std::vector<const StoredRecord*> records;
  for (const LogCall* const call : calls) {
    records.insert(records.end(), call->records.begin(), call->records.end());
  }
  const std::string& tenant = records.front()->tenant;
  const auto count = static_cast<int64_t>(records.size());
  const TxOptions options{
      .lane = records.size() > audit::LogGroups::kMostRecords ? Lane::kBulk : Lane::kNormal,
      .deadline = deadline};
  bool some_are_known = false;
  const auto outcome = backend_.RunTransaction(options, [&](Transaction& tx) -> Result<void> {
    some_are_known = false;
    JAMMI_ASSIGN(const auto head, audit::TakeNumbers(tx, tenant, count));
    JAMMI_SYNC_POINT("Audit::Write holds the head");
    JAMMI_ASSIGN(const auto chain, LinkAll(calls, head));
    JAMMI_ASSIGN(const int64_t inserted, audit::InsertRecords(tx, records));
    some_are_known = inserted < count;
    if (some_are_known) return Error(ErrorCode::kAlreadyExists, "an audit record is there already");
    JAMMI_SYNC_POINT("Audit::Write inserted");
    JAMMI_TRY(audit::SetChain(tx, tenant, chain));
    for (const LogCall* const call : calls) call->announcement.AppendTo(tx);
    return {};
  });
  for (LogCall* const call : calls) call->announcement.Settle(outcome);
  if (outcome) return true;
  if (some_are_known) return false;
  // The topic is found by its id, which is wrong if the catalog was exchanged below us.
  if (outcome.error().code() == ErrorCode::kNotFound) ForgetTopic(tenant);
  return outcome.error();
}

Result<AuditService::Known> AuditService::FindKnown(const Records& records, Deadline deadline) {
  return backend_.Transact({.read_only = true, .deadline = deadline}, [&](Transaction& tx) -> Result<Known> {
    Known known;
    for (size_t i = 0; i < records.size(); ++i) {
      JAMMI_ASSIGN(auto stored, audit::FindRecord(tx, records[i].tenant, records[i].query_id));
      if (!stored) continue;
      if (!audit::SameContent(*stored, records[i])) {
        return Duplicate(ErrorCode::kAlreadyExists, "was logged with another content", stored->query_id);
      }
      known.emplace(i, std::move(*stored));
    }
    return known;
  });
}

Result<TopicId> AuditService::EnsureTopic(const Scope& scope) {
  {
    const std::lock_guard lock(topics_mutex_);
    if (const auto at = topics_.find(*scope.tenant()); at != topics_.end()) return at->second;
  }
  JAMMI_ASSIGN(const Topic topic,
               streams_.EnsureTopic(scope, kAuditTopic, TopicSchema(), TopicWriter::kEngine));
  const std::lock_guard lock(topics_mutex_);
  if (topics_.size() >= kMostTopics) topics_.erase(topics_.begin());
  topics_.insert_or_assign(*scope.tenant(), topic.id);
  return topic.id;
}

void AuditService::ForgetTopic(std::string_view tenant) {
  const std::lock_guard lock(topics_mutex_);
  if (const auto id = TenantId::Parse(tenant)) topics_.erase(*id);
}

}  // namespace jammi
