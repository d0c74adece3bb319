// Reading, verifying and exporting what was logged.
#include <fmt/format.h>

#include <algorithm>

#include "audit/audit_error.h"
#include "audit/audit_rows.h"
#include "audit/audit_service.h"
#include "audit/chain.h"
#include "audit/record_json.h"
#include "base/sync_point.h"
#include "catalog/arguments.h"
#include "catalog/page_token.h"

namespace jammi {
namespace {

using audit::ChainChecker;
using audit::StoredRecord;

constexpr std::string_view kList = "search_audit";
constexpr int64_t kRecordsPerRead = 256;

TxOptions ReadOnce(const CallLimit& limit) {
  return {.read_only = true, .single_statement = true, .deadline = limit.deadline};
}

Result<std::string> TenantOf(const Scope& scope) {
  if (scope.is_global()) return audit::NoTenantBinding("the session");
  return scope.Key();
}

Result<std::vector<AuditRecord>> FromAllStored(std::vector<StoredRecord> stored) {
  std::vector<AuditRecord> records;
  records.reserve(stored.size());
  for (StoredRecord& one : stored) {
    JAMMI_ASSIGN(auto record, audit::FromStored(std::move(one)));
    records.push_back(std::move(record));
  }
  return records;
}

Result<audit::TimePlace> DecodePlace(const AuditFilter& filter, std::string_view token) {
  if (token.empty()) return audit::TimePlace{filter.until, 0};
  JAMMI_ASSIGN(const auto fields, DecodePageToken(kList, "ii", token));
  return audit::TimePlace{std::get<int64_t>(fields[0]), std::get<int64_t>(fields[1])};
}

Result<void> CheckRange(const AuditRange& range) {
  if (range.from >= 1 && range.to >= range.from) return {};
  return InvalidArgument("range",
                         fmt::format("{} to {} is none: records count from 1", range.from, range.to));
}

// What the head says of the end of the chain, against what is there.
void CheckEnd(const audit::ChainState& state, int64_t to, const Sha256Digest& last_chain,
              ChainChecker& checker) {
  using enum ChainFinding::Kind;
  const int64_t end = std::min(to, state.head.seq);
  if (end > state.last) {
    checker.Find(kCutTail, end);
  } else if (state.last > state.head.seq && to > state.head.seq) {
    checker.Find(kHead, state.head.seq);
  } else if (end == state.head.seq && end == state.last && end > 0 && last_chain != state.head.chain) {
    checker.Find(kHead, state.head.seq);
  }
}

}  // namespace

template <class Take>
Result<void> AuditService::ForEach(const std::string& tenant, int64_t from, int64_t to,
                                   const CallLimit& limit, Take take) {
  while (from <= to) {
    JAMMI_TRY(limit.Check("reading the audit log"));
    JAMMI_ASSIGN(const auto records, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
      return audit::ReadRange(tx, tenant, from, to, kRecordsPerRead);
    }));
    JAMMI_SYNC_POINT("Audit::ForEach read a page");
    for (const StoredRecord& record : records) JAMMI_TRY(take(record));
    if (records.size() < static_cast<size_t>(kRecordsPerRead)) break;
    from = records.back().seq + 1;
  }
  return {};
}

Result<std::optional<AuditRecord>> AuditService::Find(const Scope& scope, const Uuid& query_id,
                                                      const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_ASSIGN(auto stored, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
    return audit::FindRecord(tx, tenant, query_id.ToString());
  }));
  if (!stored) return std::optional<AuditRecord>();
  JAMMI_ASSIGN(auto record, audit::FromStored(std::move(*stored)));
  return std::optional(std::move(record));
}

Result<std::vector<AuditRecord>> AuditService::Recent(const Scope& scope, int asked, const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  const int64_t most = std::clamp(asked, 0, AuditLog::kMaxRecent);
  if (most == 0) return std::vector<AuditRecord>();
  const AuditFilter all;
  JAMMI_ASSIGN(auto stored, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
    return audit::ReadNewest(tx, tenant, all, {all.until, 0}, most);
  }));
  return FromAllStored(std::move(stored));
}

Result<Page<AuditRecord>> AuditService::List(const Scope& scope, const AuditFilter& filter, int page_size,
                                             std::string_view page_token, const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_TRY(CheckPageSize(page_size));
  JAMMI_ASSIGN(const auto before, DecodePlace(filter, page_token));
  JAMMI_ASSIGN(auto stored, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
    return audit::ReadNewest(tx, tenant, filter, before, page_size + int64_t{1});
  }));
  Page<AuditRecord> page;
  if (stored.size() > static_cast<size_t>(page_size)) {
    stored.pop_back();
    page.next_page_token = EncodePageToken(kList, {stored.back().executed_at, stored.back().seq});
  }
  JAMMI_ASSIGN(page.items, FromAllStored(std::move(stored)));
  return page;
}

Result<bool> AuditService::Verify(const Scope& scope, const AuditRecord& record) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_ASSIGN(const auto keys, keys_->Keys());
  return audit::IsSignedFor(record, tenant, *keys, cache_);
}

// --- The chain ------------------------------------------------------------------------------------------

Result<ChainReport> AuditService::VerifyChain(const Scope& scope, const AuditRange& range,
                                              const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_TRY(CheckRange(range));
  JAMMI_ASSIGN(auto keys, keys_->Keys());
  JAMMI_ASSIGN(const auto state, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
    return audit::ReadChainState(tx, tenant);
  }));
  JAMMI_SYNC_POINT("Audit::VerifyChain read the head");

  std::optional<Sha256Digest> before;
  if (range.from == 1) before = Sha256Digest{};
  JAMMI_TRY(
      ForEach(tenant, range.from - 1, range.from - 1, limit, [&](const StoredRecord& record) -> Result<void> {
        before = record.chain;
        return {};
      }));
  ChainChecker checker(std::move(keys), cache_, tenant, range.from, before);
  checker.report().head = state.head.seq;
  if (!before && range.from <= state.last) checker.Find(ChainFinding::Kind::kMissing, range.from - 1);

  const int64_t last = std::min(range.to, state.last);
  Sha256Digest last_chain = before.value_or(state.head.chain);
  JAMMI_TRY(ForEach(tenant, range.from, last, limit, [&](const StoredRecord& record) {
    last_chain = record.chain;
    return checker.Add(record);
  }));
  checker.ExpectEnd(last, std::nullopt);  // what was deleted while we were reading
  CheckEnd(state, range.to, last_chain, checker);
  return std::move(checker.report());
}

Result<AuditCheckpoint> AuditService::Checkpoint(const Scope& scope, const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_ASSIGN(const auto keys, keys_->Keys());
  const auto read = [&](Transaction& tx) -> Result<audit::ChainHead> {
    JAMMI_ASSIGN(const auto state, audit::ReadChainState(tx, tenant));
    return state.head;
  };
  JAMMI_ASSIGN(const auto head, backend_.Transact(ReadOnce(limit), read));
  return audit::MakeCheckpoint(keys->signing(), tenant, head.seq, head.chain, options_.clock->Now());
}

Result<ChainReport> AuditService::VerifyCheckpoint(const Scope& scope, const AuditCheckpoint& checkpoint,
                                                   const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_ASSIGN(auto keys, keys_->Keys());
  JAMMI_TRY(audit::CheckCheckpoint(checkpoint, tenant, *keys));
  JAMMI_ASSIGN(const auto state, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
    return audit::ReadChainState(tx, tenant);
  }));
  ChainChecker checker(std::move(keys), cache_, tenant, checkpoint.seq, std::nullopt);
  checker.report().head = state.head.seq;
  if (checkpoint.seq > state.last) {
    checker.Find(ChainFinding::Kind::kCutTail, checkpoint.seq);
    return std::move(checker.report());
  }
  bool found = checkpoint.seq == 0;
  const auto compare = [&](const StoredRecord& record) -> Result<void> {
    found = true;
    ++checker.report().checked;
    if (ToHex(record.chain) == checkpoint.chain) return {};
    checker.Find(ChainFinding::Kind::kMisplaced, record.seq, record.query_id);
    return {};
  };
  JAMMI_TRY(ForEach(tenant, checkpoint.seq, checkpoint.seq, limit, compare));
  if (!found) checker.Find(ChainFinding::Kind::kMissing, checkpoint.seq);
  return std::move(checker.report());
}

Result<void> AuditService::Export(const Scope& scope, const AuditLog::WriteLine& write,
                                  const AuditRange& range, const CallLimit& limit) {
  JAMMI_ASSIGN(const std::string tenant, TenantOf(scope));
  JAMMI_TRY(CheckRange(range));
  JAMMI_ASSIGN(const auto keys, keys_->Keys());
  JAMMI_ASSIGN(const auto state, backend_.Transact(ReadOnce(limit), [&](Transaction& tx) {
    return audit::ReadChainState(tx, tenant);
  }));
  audit::ChainHead last = state.head;
  JAMMI_TRY(
      ForEach(tenant, range.from, std::min(range.to, state.last), limit, [&](const StoredRecord& record) {
        last = {record.seq, record.chain};
        return write(audit::ExportLine(record));
      }));
  JAMMI_ASSIGN(const auto checkpoint,
               audit::MakeCheckpoint(keys->signing(), tenant, last.seq, last.chain, options_.clock->Now()));
  return write(ToJson(checkpoint));
}

// --- AuditLog -------------------------------------------------------------------------------------------

Result<std::vector<AuditRecord>> AuditLog::Log(std::span<const AuditedQuery> queries, Deadline deadline) {
  return service_->Log(scope_, queries, deadline);
}
Result<std::optional<AuditRecord>> AuditLog::Find(const Uuid& query_id) const {
  return service_->Find(scope_, query_id, {deadline_, stop_});
}
Result<std::vector<AuditRecord>> AuditLog::Recent(int limit) const {
  return service_->Recent(scope_, limit, {deadline_, stop_});
}
Result<Page<AuditRecord>> AuditLog::List(const AuditFilter& filter, int page_size,
                                         std::string_view page_token) const {
  return service_->List(scope_, filter, page_size, page_token, {deadline_, stop_});
}
Result<bool> AuditLog::Verify(const AuditRecord& record) const { return service_->Verify(scope_, record); }
Result<ChainReport> AuditLog::VerifyChain(const AuditRange& range) const {
  return service_->VerifyChain(scope_, range, {deadline_, stop_});
}
Result<AuditCheckpoint> AuditLog::Checkpoint() const {
  return service_->Checkpoint(scope_, {deadline_, stop_});
}
Result<ChainReport> AuditLog::VerifyCheckpoint(const AuditCheckpoint& checkpoint) const {
  return service_->VerifyCheckpoint(scope_, checkpoint, {deadline_, stop_});
}
Result<void> AuditLog::Export(const WriteLine& write, const AuditRange& range) const {
  return service_->Export(scope_, write, range, {deadline_, stop_});
}

}  // namespace jammi
