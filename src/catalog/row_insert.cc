#include "catalog/row_insert.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace jammi {

std::string ColumnNames(const RowInsert& insert) {
  std::string names;
  for (const auto& column : insert.columns) {
    if (!names.empty()) names += ", ";
    names += column.name;
  }
  return names;
}

std::string ConflictClause(const RowInsert& insert) {
  if (insert.on_conflict == OnConflict::kFail) return {};
  const std::string target = fmt::format(" ON CONFLICT ({}) DO ", fmt::join(insert.key, ", "));
  if (insert.on_conflict == OnConflict::kIgnore) return target + "NOTHING";
  std::string assignments;
  for (const auto& column : insert.columns) {
    if (std::ranges::find(insert.key, column.name) != insert.key.end()) continue;
    assignments += assignments.empty() ? "UPDATE SET " : ", ";
    assignments += fmt::format("{0} = excluded.{0}", column.name);
  }
  return target + (assignments.empty() ? "NOTHING" : assignments);
}

std::string InsertOneText(const RowInsert& insert) {
  std::string sql = fmt::format("INSERT INTO {} ({}) VALUES (", insert.table, ColumnNames(insert));
  for (size_t i = 1; i <= insert.columns.size(); ++i) sql += fmt::format("{}${}", i == 1 ? "" : ", ", i);
  return sql + ")" + ConflictClause(insert);
}

}  // namespace jammi
