#include "catalog/sqlite/transaction.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <exception>
#include <utility>

namespace jammi::sqlite {

void SqliteTransaction::Append(EventAppend event, std::function<void(const AppendOutcome&)> done) {
  effects_.appends.push_back({std::move(event), std::move(done), {}});
}

void SqliteTransaction::AfterCommit(std::move_only_function<void()> fn) {
  effects_.after_commit.push_back(std::move(fn));
}

Result<Statement> SqliteTransaction::Start(std::string_view sql, SqlParams params) {
  if (lost_) return *lost_;
  JAMMI_ASSIGN(Statement statement, connection_.PrepareForBody(sql));
  JAMMI_TRY(statement.Bind(params));
  return statement;
}

Result<bool> SqliteTransaction::Step(Statement& statement) {
  auto row = statement.Step();
  if (!row && !connection_.InTransaction()) lost_ = row.error();
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

Result<void> CallBody(const CatalogBackend::Body& body, Transaction& tx) {
  try {
    return body(tx);
  } catch (const std::exception& thrown) {
    return Error(ErrorCode::kInternal, fmt::format("a transaction body threw: {}", thrown.what()));
  } catch (...) {
    return Error(ErrorCode::kInternal, "a transaction body threw something that is no exception");
  }
}

Result<void> CheckEvent(const EventAppend& event) {
  if (event.payload == nullptr) return Error(ErrorCode::kInvalidArgument, "the event has no payload");
  if (event.row_count < 0) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("the event's row count is {}", event.row_count));
  }
  return {};
}

}  // namespace jammi::sqlite
