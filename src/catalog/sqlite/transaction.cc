#include "catalog/sqlite/transaction.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "catalog/row_insert.h"

namespace jammi::sqlite {

void SqliteTransaction::Append(AppendRequest request, std::function<void(const AppendOutcome&)> done) {
  effects_.appends.push_back({std::move(request), std::move(done), {}});
}

void SqliteTransaction::AfterCommit(std::move_only_function<void()> fn) {
  effects_.after_commit.push_back(std::move(fn));
}

Result<Statement> SqliteTransaction::Prepare(std::string_view sql) {
  if (lost_) return *lost_;
  if (std::exchange(ran_, true) && single_statement_) return SecondStatement();
  return connection_.PrepareForBody(sql);
}

Result<Statement> SqliteTransaction::Start(std::string_view sql, SqlParams params) {
  JAMMI_ASSIGN(Statement statement, Prepare(sql));
  JAMMI_TRY(statement.Bind(params));
  return statement;
}

Result<bool> SqliteTransaction::Step(Statement& statement) {
  auto row = statement.Step();
  if (!row && !single_statement_ && !connection_.InTransaction()) lost_ = row.error();
  return row;
}

Result<int64_t> SqliteTransaction::ExecuteImpl(std::string_view sql, SqlParams params) {
  JAMMI_ASSIGN(Statement statement, Start(sql, params));
  const int64_t before = connection_.total_changes();
  while (true) {
    JAMMI_ASSIGN(const bool row, Step(statement));
    if (!row) break;
  }
  return connection_.total_changes() == before ? 0 : connection_.last_changes();
}

Result<void> SqliteTransaction::QueryImpl(std::string_view sql, SqlParams params, const RowFn& row) {
  JAMMI_ASSIGN(Statement statement, Start(sql, params));
  while (true) {
    JAMMI_ASSIGN(const bool found, Step(statement));
    if (!found) return {};
    JAMMI_ASSIGN(const bool more, row(statement));
    if (!more) return {};
  }
}

// One statement, bound anew for each row.
Result<int64_t> SqliteTransaction::InsertRowsImpl(const RowInsert& insert, const RowInsert::Fill& fill) {
  JAMMI_ASSIGN(Statement statement, Prepare(InsertOneText(insert)));
  const int64_t before = connection_.total_changes();
  std::vector<SqlValue> values(insert.columns.size(), std::nullopt);
  for (int64_t row = 0; row < insert.rows; ++row) {
    JAMMI_TRY(fill(row, values));
    JAMMI_TRY(statement.Bind(values));
    JAMMI_TRY(Step(statement));
    statement.Reset();
  }
  return insert.on_conflict == OnConflict::kReplace ? insert.rows : connection_.total_changes() - before;
}

}  // namespace jammi::sqlite
