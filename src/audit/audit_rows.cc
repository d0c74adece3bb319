#include "audit/audit_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "catalog/read_rows.h"

namespace jammi::audit {
namespace {

#define JAMMI_AUDIT_COLUMNS                                                                            \
  "scope, seq, query_id, model_id, model_version, query_lineage, top_k_result_ids, retrieval_scores, " \
  "executed_at, scheme, key_id, signature, chain"

constexpr std::string_view kTake =
    "UPDATE audit_chains SET next_seq = next_seq + $2 WHERE scope = $1 RETURNING next_seq, chain";
constexpr std::string_view kBegin =
    "INSERT INTO audit_chains (scope, next_seq, chain) VALUES ($1, 1, $2) ON CONFLICT (scope) DO NOTHING";
constexpr std::string_view kSetChain = "UPDATE audit_chains SET chain = $2 WHERE scope = $1";
constexpr std::string_view kState =
    "SELECT (SELECT next_seq FROM audit_chains WHERE scope = $1) AS next_seq, "
    "(SELECT chain FROM audit_chains WHERE scope = $1) AS chain, "
    "(SELECT MAX(seq) FROM search_audit WHERE scope = $1) AS last";
constexpr std::string_view kFind =
    "SELECT " JAMMI_AUDIT_COLUMNS " FROM search_audit WHERE scope = $1 AND query_id = $2";
constexpr std::string_view kRange =
    "SELECT " JAMMI_AUDIT_COLUMNS
    " FROM search_audit WHERE scope = $1 AND seq >= $2 AND seq <= $3 ORDER BY seq LIMIT $4";
#define JAMMI_AUDIT_NEWEST(where)                                                \
  "SELECT " JAMMI_AUDIT_COLUMNS " FROM search_audit WHERE scope = $1 AND " where \
  "executed_at >= $2 AND (executed_at, seq) < ($3, $4) ORDER BY executed_at DESC, seq DESC LIMIT $5"
constexpr std::string_view kNewest = JAMMI_AUDIT_NEWEST("");
constexpr std::string_view kNewestOfModel = JAMMI_AUDIT_NEWEST("model_id = $6 AND ");

constexpr std::array kStatements = {RepoStatement{"take numbers", kTake, 2},
                                    RepoStatement{"set chain", kSetChain, 2},
                                    RepoStatement{"state", kState, 1},
                                    RepoStatement{"find", kFind, 2},
                                    RepoStatement{"range", kRange, 4},
                                    RepoStatement{"newest", kNewest, 5},
                                    RepoStatement{"newest of a model", kNewestOfModel, 6}};

constexpr auto kColumns = std::to_array<RowInsert::Column>({{"scope", SqlKind::kText},
                                                            {"seq", SqlKind::kInteger},
                                                            {"query_id", SqlKind::kText},
                                                            {"model_id", SqlKind::kText},
                                                            {"model_version", SqlKind::kText},
                                                            {"query_lineage", SqlKind::kText},
                                                            {"top_k_result_ids", SqlKind::kText},
                                                            {"retrieval_scores", SqlKind::kText},
                                                            {"executed_at", SqlKind::kInteger},
                                                            {"scheme", SqlKind::kInteger},
                                                            {"key_id", SqlKind::kText},
                                                            {"signature", SqlKind::kText},
                                                            {"chain", SqlKind::kBytes}});
constexpr auto kQueryKey = std::to_array<std::string_view>({"scope", "query_id"});

Error Damaged(std::string_view what) {
  return Error(ErrorCode::kDataLoss, fmt::format("{} is damaged", what),
               BackendDetail{BackendFault::kTypeConversion, std::string(what), {}});
}

Result<Sha256Digest> ToDigest(SqlBytes bytes, std::string_view what) {
  Sha256Digest digest{};
  if (bytes.size() != digest.size()) return Damaged(what);
  std::ranges::copy(bytes, digest.begin());
  return digest;
}

Result<ChainHead> ReadHead(const Row& row) {
  ChainHead head;
  JAMMI_ASSIGN(const auto next, row.Get<int64_t>("next_seq"));
  JAMMI_ASSIGN(const auto chain, row.Get<SqlBytes>("chain"));
  JAMMI_ASSIGN(head.chain, ToDigest(chain, "audit_chains.chain"));
  head.seq = next - 1;
  return head;
}

Result<StoredRecord> ReadRecord(const Row& row) {
  StoredRecord record;
  JAMMI_ASSIGN(record.tenant, row.Get<std::string>("scope"));
  JAMMI_ASSIGN(record.seq, row.Get<int64_t>("seq"));
  JAMMI_ASSIGN(record.query_id, row.Get<std::string>("query_id"));
  JAMMI_ASSIGN(record.model_id, row.Get<std::string>("model_id"));
  JAMMI_ASSIGN(record.model_version, row.Get<std::string>("model_version"));
  JAMMI_ASSIGN(record.lineage, row.Get<std::string>("query_lineage"));
  JAMMI_ASSIGN(record.result_ids, row.Get<std::string>("top_k_result_ids"));
  JAMMI_ASSIGN(record.scores, row.Get<std::string>("retrieval_scores"));
  JAMMI_ASSIGN(record.executed_at, row.Get<int64_t>("executed_at"));
  JAMMI_ASSIGN(record.scheme, row.Get<int64_t>("scheme"));
  JAMMI_ASSIGN(record.key_id, row.Get<std::string>("key_id"));
  JAMMI_ASSIGN(record.signature, row.Get<std::string>("signature"));
  JAMMI_ASSIGN(const auto chain, row.Get<SqlBytes>("chain"));
  JAMMI_ASSIGN(record.chain, ToDigest(chain, "search_audit.chain"));
  return record;
}

Result<std::vector<StoredRecord>> ReadAll(Transaction& tx, std::string_view sql, SqlParams params) {
  std::vector<StoredRecord> records;
  JAMMI_TRY(tx.Query(sql, params, AppendTo(records, ReadRecord)));
  return records;
}

}  // namespace

std::span<const RepoStatement> AuditStatements() { return kStatements; }

Result<ChainHead> TakeNumbers(Transaction& tx, std::string_view tenant, int64_t count) {
  JAMMI_ASSIGN(auto head, tx.QueryFirst(kTake, {tenant, count}, ReadHead));
  if (!head) {
    JAMMI_TRY(tx.Execute(kBegin, {tenant, SqlBytes(Sha256Digest{})}));
    JAMMI_ASSIGN(head, tx.QueryFirst(kTake, {tenant, count}, ReadHead));
  }
  if (!head) return Error(ErrorCode::kInternal, "the chain's head is not there after it was made");
  head->seq -= count;
  return *head;
}

Result<void> SetChain(Transaction& tx, std::string_view tenant, const Sha256Digest& chain) {
  JAMMI_TRY(tx.Execute(kSetChain, {tenant, SqlBytes(chain)}));
  return {};
}

Result<int64_t> InsertRecords(Transaction& tx, std::span<const StoredRecord* const> records) {
  const RowInsert insert{.table = "search_audit",
                         .columns = kColumns,
                         .rows = static_cast<int64_t>(records.size()),
                         .on_conflict = OnConflict::kIgnore,
                         .key = kQueryKey};
  return tx.InsertRows(insert, [&](int64_t row, std::span<SqlValue> values) -> Result<void> {
    const StoredRecord& record = *records[static_cast<size_t>(row)];
    const SqlValue columns[] = {record.tenant,         record.seq,     record.query_id,   record.model_id,
                                record.model_version,  record.lineage, record.result_ids, record.scores,
                                record.executed_at,    record.scheme,  record.key_id,     record.signature,
                                SqlBytes(record.chain)};
    std::ranges::copy(columns, values.begin());
    return {};
  });
}

Result<ChainState> ReadChainState(Transaction& tx, std::string_view tenant) {
  const auto read = [](const Row& row) -> Result<ChainState> {
    ChainState state;
    JAMMI_ASSIGN(const auto next, row.Get<std::optional<int64_t>>("next_seq"));
    JAMMI_ASSIGN(const auto last, row.Get<std::optional<int64_t>>("last"));
    state.last = last.value_or(0);
    state.has_head = next.has_value();
    if (!state.has_head) return state;
    JAMMI_ASSIGN(state.head, ReadHead(row));
    return state;
  };
  JAMMI_ASSIGN(const auto state, tx.QueryFirst(kState, {tenant}, read));
  return state.value_or(ChainState());
}

Result<std::optional<StoredRecord>> FindRecord(Transaction& tx, std::string_view tenant,
                                               std::string_view query_id) {
  return tx.QueryFirst(kFind, {tenant, query_id}, ReadRecord);
}

Result<std::vector<StoredRecord>> ReadRange(Transaction& tx, std::string_view tenant, int64_t from,
                                            int64_t to, int64_t limit) {
  const SqlValue params[] = {tenant, from, to, limit};
  return ReadAll(tx, kRange, params);
}

Result<std::vector<StoredRecord>> ReadNewest(Transaction& tx, std::string_view tenant,
                                             const AuditFilter& filter, const TimePlace& before,
                                             int64_t limit) {
  std::vector<SqlValue> params = {tenant, filter.from, before.executed_at, before.seq, limit};
  if (filter.model_id) params.emplace_back(*filter.model_id);
  return ReadAll(tx, filter.model_id ? kNewestOfModel : kNewest, params);
}

}  // namespace jammi::audit
