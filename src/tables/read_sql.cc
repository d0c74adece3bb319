#include "tables/read_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "catalog/arguments.h"
#include "tables/definition.h"
#include "tables/filter_sql.h"
#include "tables/filter_value.h"
#include "tables/table_repo.h"

namespace jammi {
namespace {

// "SELECT <columns> FROM ..."
Result<void> AddRowByKey(const Table& table, const Scope& reader, std::span<const FilterValue> key,
                         std::string_view columns, SqlText& sql) {
  if (key.size() != table.key().size()) {
    return InvalidArgument("key", fmt::format("has {} values, and that of table '{}' has {} columns",
                                              key.size(), table.id(), table.key().size()));
  }
  sql += fmt::format("SELECT {} FROM {} WHERE ", columns, table.storage());
  AddVisible(table, reader, sql);
  for (size_t i = 0; i < key.size(); ++i) {
    const auto place = static_cast<size_t>(table.key()[i]);
    JAMMI_ASSIGN(const StoredValue value, StoreValue(table.codec(place), key[i]));
    sql += fmt::format(" AND {} = ", table.column(place));
    sql.AddValue(value.View());
  }
  // The global scope is '', which comes last.
  if (SeesTwoOwners(table, reader)) sql += fmt::format(" ORDER BY {} DESC LIMIT 1", Table::kScopeColumn);
  return {};
}

}  // namespace

Result<size_t> PlaceOf(const Table& table, std::string_view column) {
  const int place = FindColumn(*table.schema(), column);
  if (place >= 0) return static_cast<size_t>(place);
  return Error(ErrorCode::kInvalidArgument, fmt::format("table '{}' has no column '{}'", table.id(), column),
               TableDetail{TableFault::kSchema, table.id(), std::string(column)});
}

Result<std::vector<size_t>> PlacesOf(const Table& table, std::span<const std::string> columns) {
  std::vector<size_t> places;
  for (const std::string& name : columns) {
    JAMMI_ASSIGN(const size_t place, PlaceOf(table, name));
    if (std::ranges::find(places, place) != places.end())
      return InvalidArgument("columns", fmt::format("names '{}' twice", name));
    places.push_back(place);
  }
  for (size_t place = 0; columns.empty() && place < table.columns(); ++place) places.push_back(place);
  return places;
}

std::string NamesOf(const Table& table, std::span<const size_t> places) {
  std::string names;
  for (const size_t place : places) {
    if (!names.empty()) names += ", ";
    names += table.column(place);
  }
  return names;
}

std::string StorageFor(const Table& table, BackendKind kind, const TableFilter& filter) {
  const auto index = kind == BackendKind::kSqlite ? IndexForEquality(table, filter) : std::nullopt;
  if (!index) return table.storage();
  return fmt::format("{0} INDEXED BY {0}_i{1}", table.storage(), *index);
}

std::string FromTable(const Table& table, BackendKind kind, const TableFilter& filter) {
  return fmt::format(" FROM {} WHERE ", StorageFor(table, kind, filter));
}

bool SeesTwoOwners(const Table& table, const Scope& reader) {
  return !reader.is_global() && table.record().owner.is_global();
}

void AddVisible(const Table& table, const Scope& reader, SqlText& sql) {
  sql += Table::kScopeColumn;
  sql += SeesTwoOwners(table, reader) ? " IN ('', " : " IN (";
  sql.AddValue(reader.Key());
  sql += ")";
}

Result<SqlText> RowByKey(const Table& table, const Scope& reader, std::span<const FilterValue> key,
                         std::span<const size_t> places) {
  SqlText sql;
  JAMMI_TRY(AddRowByKey(table, reader, key, NamesOf(table, places), sql));
  return sql;
}

Result<SqlText> RowByKeyOfId(const Table& table, const Scope& reader, std::span<const FilterValue> key,
                             std::span<const size_t> places) {
  SqlText sql;
  sql.AddValue(table.id());
  sql.AddValue(reader.Key());
  static_cast<void>(sql.Take());  // TableNumberText() has their places
  const std::string names = NamesOf(table, places);
  sql += fmt::format("SELECT {}, found, table_no AS n FROM ({}) AS t LEFT JOIN (", names, TableNumberText());
  JAMMI_TRY(AddRowByKey(table, reader, key, names + ", 1 AS found", sql));
  sql += ") AS r ON TRUE";
  return sql;
}

Result<SqlText> CountOf(const Table& table, BackendKind kind, const Scope& reader,
                        const TableFilter& filter) {
  SqlText sql;
  sql += "SELECT COUNT(*) AS n" + FromTable(table, kind, filter);
  AddVisible(table, reader, sql);
  sql += " AND ";
  JAMMI_TRY(AddFilter(table, filter, sql));
  return sql;
}

}  // namespace jammi
