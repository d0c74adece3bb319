#include "catalog/admin/schema.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>

#include "catalog/migrations.h"
#include "catalog/sqlite/connection.h"

namespace jammi::admin {
namespace {

Result<ColumnType> SchemaTypeOf(std::string_view table, std::string_view declared) {
  if (declared == "INTEGER" || declared == "BIGINT") return ColumnType::kInt;
  if (declared == "REAL") return ColumnType::kReal;
  if (declared == "TEXT") return ColumnType::kText;
  if (declared == "BLOB") return ColumnType::kBytes;
  return Error(ErrorCode::kInternal, fmt::format("table {} has a column of type {}", table, declared));
}

Result<void> ReadColumns(sqlite::Connection& connection, Table& table) {
  JAMMI_ASSIGN(auto columns,
               connection.Prepare("SELECT name, type, pk FROM pragma_table_info($1) ORDER BY cid"));
  JAMMI_TRY(columns.Bind({table.name}));
  std::map<int64_t, std::string> key;
  while (true) {
    JAMMI_ASSIGN(const bool row, columns.Step());
    if (!row) break;
    JAMMI_ASSIGN(const ColumnType type, SchemaTypeOf(table.name, columns.Text(1)));
    table.columns.push_back({std::string(columns.Text(0)), type});
    if (columns.Int(2) > 0) key.emplace(columns.Int(2), columns.Text(0));
  }
  for (auto& [place, name] : key) table.key.push_back(std::move(name));
  return {};
}

Result<void> ReadForeignKeys(sqlite::Connection& connection, Table& table) {
  JAMMI_ASSIGN(auto keys, connection.Prepare("SELECT id, seq, \"table\", \"from\", \"to\""
                                             " FROM pragma_foreign_key_list($1) ORDER BY id, seq"));
  JAMMI_TRY(keys.Bind({table.name}));
  while (true) {
    JAMMI_ASSIGN(const bool row, keys.Step());
    if (!row) return {};
    if (keys.Int(1) == 0) table.foreign_keys.push_back({.parent = std::string(keys.Text(2))});
    table.foreign_keys.back().columns.emplace_back(keys.Text(3));
    table.foreign_keys.back().parent_columns.emplace_back(keys.Text(4));
  }
}

Result<std::vector<Table>> ReadTables() {
  JAMMI_ASSIGN(const auto connection, sqlite::Connection::Open({.path = ":memory:", .create = true}));
  for (const Migration& migration : Migrations()) JAMMI_TRY(connection->RunScript(migration.sql));
  std::vector<Table> tables;
  {
    JAMMI_ASSIGN(auto names, connection->Prepare("SELECT name FROM sqlite_schema WHERE type = 'table'"
                                                 " AND substr(name, 1, 7) <> 'sqlite_' ORDER BY name"));
    while (true) {
      JAMMI_ASSIGN(const bool row, names.Step());
      if (!row) break;
      tables.push_back({.name = std::string(names.Text(0))});
    }
  }
  for (Table& table : tables) {
    JAMMI_TRY(ReadColumns(*connection, table));
    JAMMI_TRY(ReadForeignKeys(*connection, table));
  }
  return tables;
}

}  // namespace

Result<std::span<const Table>> CatalogTables() {
  static const Result<std::vector<Table>> tables = ReadTables();
  if (!tables) return tables.error();
  return std::span<const Table>(*tables);
}

std::string List(std::span<const std::string> names) { return fmt::format("{}", fmt::join(names, ", ")); }

std::string ColumnList(const Table& table) {
  std::string list;
  for (const Column& column : table.columns) list += (list.empty() ? "" : ", ") + column.name;
  return list;
}

}  // namespace jammi::admin
