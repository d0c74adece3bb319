// The statements of the audit log: its table and the heads of its chains.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "audit/stored_record.h"
#include "catalog/repo_statement.h"
#include "jammi/catalog_access.h"

namespace jammi::audit {

struct ChainHead {
  int64_t seq = 0;  // of the last record; 0: there was none yet
  Sha256Digest chain{};
};

// Moves the tenant's head by `count` and holds it until the transaction ends: what it was before.
[[nodiscard]] Result<ChainHead> TakeNumbers(Transaction& tx, std::string_view tenant, int64_t count);
[[nodiscard]] Result<void> SetChain(Transaction& tx, std::string_view tenant, const Sha256Digest& chain);
// How many were inserted: those of a query id that is there are left out.
[[nodiscard]] Result<int64_t> InsertRecords(Transaction& tx, std::span<const StoredRecord* const> records);

struct ChainState {
  bool has_head = false;
  ChainHead head;
  int64_t last = 0;  // the highest number of a record; 0: there is none
};
// As of one moment.
[[nodiscard]] Result<ChainState> ReadChainState(Transaction& tx, std::string_view tenant);

[[nodiscard]] Result<std::optional<StoredRecord>> FindRecord(Transaction& tx, std::string_view tenant,
                                                             std::string_view query_id);
// The records `from` to `to`, `limit` at most, in the order of their numbers.
[[nodiscard]] Result<std::vector<StoredRecord>> ReadRange(Transaction& tx, std::string_view tenant,
                                                          int64_t from, int64_t to, int64_t limit);

struct TimePlace {
  UnixMicros executed_at = 0;
  int64_t seq = 0;
};
// Newest first, those before `before`.
[[nodiscard]] Result<std::vector<StoredRecord>> ReadNewest(Transaction& tx, std::string_view tenant,
                                                           const AuditFilter& filter, const TimePlace& before,
                                                           int64_t limit);

// Those that look for something, for the test of their plans.
[[nodiscard]] std::span<const RepoStatement> AuditStatements();

}  // namespace jammi::audit
