#include "tables/table_writes.h"

#include "tables/filter_sql.h"
#include "tables/read_sql.h"

namespace jammi {
namespace {

Result<void> AddCondition(const Table& table, const Scope& scope, const TableFilter& filter, SqlText& sql) {
  sql += " WHERE ";
  sql += Table::kScopeColumn;
  sql += " = ";
  sql.AddValue(scope.Key());
  if (filter.node() == nullptr) return {};
  sql += " AND (";
  JAMMI_TRY(AddFilter(table, filter, sql));
  sql += ")";
  return {};
}

Result<int64_t> Run(Transaction& tx, const Table& table, const SqlText& sql) {
  auto changed = tx.Execute(sql.text(), sql.params());
  if (!changed) return ExplainWrite(table, std::move(changed).error());
  return changed;
}

}  // namespace

Result<SqlText> DeleteText(const Table& table, BackendKind kind, const Scope& scope,
                           const TableFilter& filter) {
  SqlText sql;
  sql += "DELETE FROM " + StorageFor(table, kind, filter);
  JAMMI_TRY(AddCondition(table, scope, filter, sql));
  return sql;
}

Result<SqlText> UpdateText(BackendKind kind, const Scope& scope, const TableFilter& filter,
                           RowBatch& values) {
  SqlText sql;
  sql += "UPDATE " + StorageFor(values.table(), kind, filter) + " SET ";
  JAMMI_TRY(values.AddAssignments(sql));
  JAMMI_TRY(AddCondition(values.table(), scope, filter, sql));
  return sql;
}

Result<int64_t> DeleteWhere(Transaction& tx, BackendKind kind, const Table& table, const Scope& scope,
                            const TableFilter& filter) {
  JAMMI_ASSIGN(const SqlText sql, DeleteText(table, kind, scope, filter));
  return Run(tx, table, sql);
}

Result<int64_t> UpdateWhere(Transaction& tx, BackendKind kind, const Scope& scope, const TableFilter& filter,
                            RowBatch& values) {
  JAMMI_ASSIGN(const SqlText sql, UpdateText(kind, scope, filter, values));
  return Run(tx, values.table(), sql);
}

}  // namespace jammi
