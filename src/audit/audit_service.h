// The door of this folder: the audit log of an engine, for all tenants. jammi/audit.h has the contract.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "audit/log_groups.h"
#include "audit/signing.h"
#include "audit/stored_record.h"
#include "base/call_limit.h"
#include "jammi/audit.h"
#include "jammi/catalog_backend.h"
#include "jammi/clock.h"
#include "trigger/streams.h"

namespace jammi {

struct AuditOptions {
  int64_t max_lineage_bytes = kDefaultMaxLineageBytes;  // where the variable says nothing
  std::shared_ptr<const Clock> clock = Clock::System();
};

// Thread-safe. The backend and the streams must outlive it; they are used until they are closed.
class AuditService {
 public:
  AuditService(CatalogBackend& backend, Streams& streams, std::shared_ptr<AuditKeyStore> keys,
               AuditOptions options);

  [[nodiscard]] Result<std::vector<AuditRecord>> Log(const Scope& scope,
                                                     std::span<const AuditedQuery> queries,
                                                     Deadline deadline);
  [[nodiscard]] Result<std::optional<AuditRecord>> Find(const Scope& scope, const Uuid& query_id,
                                                        const CallLimit& limit);
  [[nodiscard]] Result<std::vector<AuditRecord>> Recent(const Scope& scope, int most, const CallLimit& limit);
  [[nodiscard]] Result<Page<AuditRecord>> List(const Scope& scope, const AuditFilter& filter, int page_size,
                                               std::string_view page_token, const CallLimit& limit);
  [[nodiscard]] Result<bool> Verify(const Scope& scope, const AuditRecord& record);
  [[nodiscard]] Result<ChainReport> VerifyChain(const Scope& scope, const AuditRange& range,
                                                const CallLimit& limit);
  [[nodiscard]] Result<AuditCheckpoint> Checkpoint(const Scope& scope, const CallLimit& limit);
  [[nodiscard]] Result<ChainReport> VerifyCheckpoint(const Scope& scope, const AuditCheckpoint& checkpoint,
                                                     const CallLimit& limit);
  [[nodiscard]] Result<void> Export(const Scope& scope, const AuditLog::WriteLine& write,
                                    const AuditRange& range, const CallLimit& limit);

 private:
  using Records = std::vector<audit::StoredRecord>;
  // What is stored of those that were logged before, by their place in the call.
  using Known = std::unordered_map<size_t, audit::StoredRecord>;

  // Stamped and checked, not signed.
  [[nodiscard]] Result<Records> Shape(const Scope& scope, std::span<const AuditedQuery> queries) const;
  [[nodiscard]] Result<void> CheckLineage(const Records& records) const;
  [[nodiscard]] Result<audit::TenantKeysPtr> Sign(std::span<const AuditedQuery> queries, Records& records);
  // What is to be written of the records: those that are not known. They must outlive it.
  [[nodiscard]] Result<audit::LogCall> Prepare(const Scope& scope, Records& all, const Known& known,
                                               const audit::TenantKeysPtr& keys, Deadline deadline);
  // audit::LogGroups::Write.
  [[nodiscard]] Result<bool> Write(std::span<audit::LogCall* const> calls, Deadline deadline);
  [[nodiscard]] Result<Known> FindKnown(const Records& records, Deadline deadline);
  [[nodiscard]] Result<TopicId> EnsureTopic(const Scope& scope);
  void ForgetTopic(std::string_view tenant);

  // Calls `take(record)` for each record of the range, a bounded number read at a time; stops between two
  // reads.
  template <class Take>
  [[nodiscard]] Result<void> ForEach(const std::string& tenant, int64_t from, int64_t to,
                                     const CallLimit& limit, Take take);

  CatalogBackend& backend_;
  Streams& streams_;
  const std::shared_ptr<AuditKeyStore> keys_;
  const AuditOptions options_;
  audit::TenantKeyCache cache_;
  audit::LogGroups groups_;
  std::mutex topics_mutex_;
  std::unordered_map<TenantId, TopicId> topics_;  // guarded by topics_mutex_
};

}  // namespace jammi
