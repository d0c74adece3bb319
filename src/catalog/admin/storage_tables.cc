#include "catalog/admin/storage_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "catalog/column_types.h"

namespace jammi::admin {
namespace {

// {} is the table's name, quoted. Each gives name, type, not_null and key_place, 0 for a column that is not
// of the key, in the order of the columns.
constexpr std::string_view kSqliteColumns =
    "SELECT name, lower(type) AS type, \"notnull\" AS not_null, pk AS key_place FROM pragma_table_info({})"
    " ORDER BY cid";
constexpr std::string_view kPostgresColumns =
    "SELECT CAST(a.attname AS TEXT) AS name, format_type(a.atttypid, NULL) AS type,"
    " CAST(CAST(a.attnotnull AS INT) AS BIGINT) AS not_null,"
    " COALESCE((SELECT k.place FROM pg_index x, unnest(x.indkey) WITH ORDINALITY AS k(attnum, place)"
    " WHERE x.indrelid = a.attrelid AND x.indisprimary AND k.attnum = a.attnum), 0) AS key_place"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND c.relname = {}"
    " AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";
// Each gives index_name, is_unique and column_name, in the order of the columns.
constexpr std::string_view kSqliteIndexes =
    "SELECT l.name AS index_name, l.\"unique\" AS is_unique, i.name AS column_name"
    " FROM pragma_index_list({}) l, pragma_index_info(l.name) i WHERE l.origin = 'c'"
    " ORDER BY l.name, i.seqno";
constexpr std::string_view kPostgresIndexes =
    "SELECT CAST(i.relname AS TEXT) AS index_name, CAST(CAST(x.indisunique AS INT) AS BIGINT) AS is_unique,"
    " CAST(a.attname AS TEXT) AS column_name FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_class i ON i.oid = x.indexrelid"
    " CROSS JOIN unnest(x.indkey) WITH ORDINALITY AS k(attnum, place)"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum"
    " WHERE n.nspname = current_schema() AND c.relname = {} AND NOT x.indisprimary"
    " ORDER BY i.relname, k.place";

Error Damaged(std::string_view table, std::string_view why) {
  return Error(ErrorCode::kDataLoss, fmt::format("table {} {}", table, why),
               BackendDetail{BackendFault::kCorrupt, std::string(table), {}});
}

Result<ColumnType> StorageTablesTypeOf(std::string_view table, std::string_view declared) {
  if (declared == "integer" || declared == "bigint") return ColumnType::kInt;
  if (declared == "real" || declared == "double precision") return ColumnType::kReal;
  if (declared == "text") return ColumnType::kText;
  if (declared == "blob" || declared == "bytea") return ColumnType::kBytes;
  return Damaged(table, fmt::format("has a column of type {}", declared));
}

SqlKind KindOf(ColumnType type) {
  switch (type) {
    case ColumnType::kInt:
      return SqlKind::kInteger;
    case ColumnType::kReal:
      return SqlKind::kReal;
    case ColumnType::kText:
      return SqlKind::kText;
    case ColumnType::kBytes:
      break;
  }
  return SqlKind::kBytes;
}

Result<void> ReadColumns(Database& database, StorageTable& storage) {
  Table& table = storage.table;
  const bool sqlite = database.kind() == BackendKind::kSqlite;
  std::map<int64_t, std::string> key;
  JAMMI_TRY(database.Query(
      fmt::format(fmt::runtime(sqlite ? kSqliteColumns : kPostgresColumns), Quoted(table.name)),
      [&](const Row& row) -> Result<bool> {
        JAMMI_ASSIGN(const auto name, row.Get<std::string>("name"));
        JAMMI_ASSIGN(const auto declared, row.Get<std::string>("type"));
        JAMMI_ASSIGN(const auto not_null, row.Get<int64_t>("not_null"));
        JAMMI_ASSIGN(const auto place, row.Get<int64_t>("key_place"));
        JAMMI_ASSIGN(const ColumnType type, StorageTablesTypeOf(table.name, declared));
        table.columns.push_back({name, type});
        if (not_null != 0) storage.not_null.push_back(name);
        if (place > 0) key.emplace(place, name);
        return true;
      }));
  for (auto& [place, name] : key) table.key.push_back(std::move(name));
  if (table.key.empty()) return Damaged(table.name, "is not there, or has no key");
  return {};
}

Result<void> ReadIndexes(Database& database, StorageTable& storage) {
  const bool sqlite = database.kind() == BackendKind::kSqlite;
  return database.Query(
      fmt::format(fmt::runtime(sqlite ? kSqliteIndexes : kPostgresIndexes), Quoted(storage.table.name)),
      [&](const Row& row) -> Result<bool> {
        JAMMI_ASSIGN(const auto name, row.Get<std::string>("index_name"));
        JAMMI_ASSIGN(const auto unique, row.Get<int64_t>("is_unique"));
        JAMMI_ASSIGN(const auto column, row.Get<std::string>("column_name"));
        if (storage.indexes.empty() || storage.indexes.back().name != name)
          storage.indexes.push_back({.name = name, .unique = unique != 0});
        storage.indexes.back().columns.push_back(column);
        return true;
      });
}

}  // namespace

Result<std::vector<StorageTable>> ReadStorageTables(Database& database) {
  std::vector<StorageTable> tables;
  JAMMI_TRY(database.Query("SELECT table_no FROM mutable_tables ORDER BY table_no",
                           [&](const Row& row) -> Result<bool> {
                             JAMMI_ASSIGN(const auto number, row.Get<int64_t>("table_no"));
                             tables.push_back({.table = {.name = fmt::format("mt_{}", number)}});
                             return true;
                           }));
  for (StorageTable& storage : tables) {
    JAMMI_TRY(ReadColumns(database, storage));
    JAMMI_TRY(ReadIndexes(database, storage));
  }
  return tables;
}

std::vector<std::string> CreateTexts(const StorageTable& storage, BackendKind kind) {
  const Table& table = storage.table;
  std::string columns;
  for (const Column& column : table.columns) {
    const bool not_null = std::ranges::find(storage.not_null, column.name) != storage.not_null.end();
    columns += fmt::format("{} {}{}, ", column.name, TypeText(kind, KindOf(column.type)),
                           not_null ? " NOT NULL" : "");
  }
  std::vector<std::string> texts;
  texts.push_back(fmt::format("CREATE TABLE {} ({}PRIMARY KEY ({})){}", table.name, columns, List(table.key),
                              kind == BackendKind::kSqlite ? " WITHOUT ROWID" : ""));
  for (const StorageIndex& index : storage.indexes) {
    texts.push_back(fmt::format("CREATE {}INDEX {} ON {} ({})", index.unique ? "UNIQUE " : "", index.name,
                                table.name, List(index.columns)));
  }
  return texts;
}

}  // namespace jammi::admin
