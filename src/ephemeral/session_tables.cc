#include "ephemeral/session_tables.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "catalog/read_rows.h"
#include "tables/table_reader.h"
#include "tables/table_store.h"

namespace jammi {
namespace {

// The ids of one session lie between its prefix and the one with the next character.
constexpr std::string_view kList =
    "SELECT table_id FROM mutable_tables WHERE scope = $1 AND table_id > $2 AND table_id < $3 "
    "ORDER BY table_id";
constexpr std::array kSessionTableStatements = {RepoStatement{"list the tables of a session", kList, 3}};

std::string Prefix(std::string_view session_id) {
  std::string hex(session_id);
  std::erase(hex, '-');
  return fmt::format("__eph_{}", hex);
}

Result<int64_t> CountRows(Transaction& tx, const std::string& storage) {
  JAMMI_ASSIGN(const auto count, tx.QueryFirst(fmt::format("SELECT COUNT(*) AS n FROM {}", storage), {},
                                               ReadColumn<int64_t>("n")));
  return count.value_or(0);
}

}  // namespace

std::string EphemeralTableId(std::string_view session_id, std::string_view name) {
  return fmt::format("{}_{}", Prefix(session_id), name);
}

std::span<const RepoStatement> SessionTableStatements() { return kSessionTableStatements; }

Result<void> SessionTables::Create(const TableDefinition& definition, const EphemeralKey& key,
                                   const std::function<Result<void>(Transaction&)>& first) const {
  JAMMI_ASSIGN(const auto prepared, PrepareDefinition(definition, TableCreator::kEngine));
  return store_.backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(first(tx));
    JAMMI_TRY(store_.CreateIn(tx, key.tenant, prepared, TableCreator::kEngine));
    return {};
  });
}

Result<int64_t> SessionTables::Append(const EphemeralKey& key, const std::string& id,
                                      const std::shared_ptr<arrow::RecordBatch>& batch) const {
  return store_.Append(key.tenant, id, {&batch, 1});
}

Result<TableScanEnd> SessionTables::Scan(const EphemeralKey& key, const std::string& id,
                                         const TableScan& scan, const OnTableBatch& on_batch) const {
  return TableReader(store_, key.tenant, Deadline()).Scan(id, scan, on_batch);
}

Result<int64_t> SessionTables::Count(const EphemeralKey& key, const std::string& id) const {
  return TableReader(store_, key.tenant, Deadline()).CountRows(id, {});
}

Result<std::vector<std::string>> SessionTables::List(Transaction& tx, const EphemeralKey& key) const {
  const std::string scope = key.tenant.Key();
  const std::string prefix = Prefix(key.session_id);
  const std::string from = prefix + '_';
  const std::string to = prefix + static_cast<char>('_' + 1);
  std::vector<std::string> ids;
  JAMMI_TRY(tx.Query(kList, {scope, from, to}, AppendTo(ids, ReadColumn<std::string>("table_id"))));
  return ids;
}

// Where writers run side by side: what is being inserted is waited for, and counted.
Result<int64_t> SessionTables::Drop(Transaction& tx, const EphemeralKey& key, const std::string& id) const {
  JAMMI_ASSIGN(const auto table, store_.Find(tx, key.tenant, id));
  if (store_.backend().kind() == BackendKind::kPostgres) {
    JAMMI_TRY(tx.Execute(fmt::format("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", table->storage())));
  }
  JAMMI_ASSIGN(const int64_t rows, CountRows(tx, table->storage()));
  JAMMI_TRY(store_.DropIn(tx, key.tenant, id));
  return rows;
}

}  // namespace jammi
