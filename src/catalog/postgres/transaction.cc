#include "catalog/postgres/transaction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/sync_point.h"
#include "catalog/backend_error.h"
#include "catalog/postgres/sql_text.h"

namespace jammi::postgres {
namespace {

// Of this transaction alone; jammi_now() adds it.
constexpr std::string_view kShiftTime = "SELECT set_config('jammi.time_shift', CAST($1 AS TEXT), true)";

// Not READ WRITE: who made the database read-only, for a while, means it.
std::string_view BeginText(const TxOptions& options) {
  using enum IsolationLevel;
  switch (options.isolation) {
    case kReadCommitted:
      return options.read_only ? "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY"
                               : "BEGIN ISOLATION LEVEL READ COMMITTED";
    case kRepeatableRead:
      return options.read_only ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
                               : "BEGIN ISOLATION LEVEL REPEATABLE READ";
    case kSerializable:
      break;
  }
  return options.read_only ? "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"
                           : "BEGIN ISOLATION LEVEL SERIALIZABLE";
}

Error NotOneStatement(std::string_view sql) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("one statement expected: {}", sql));
}

bool IsSyntaxError(const Error& error) { return HasNativeCode(error, "42601"); }

// What would begin, end or outlive the transaction.
constexpr std::array<std::string_view, 19> kControl = {
    "ABORT",  "BEGIN",   "COMMIT",  "COPY",  "DEALLOCATE", "DISCARD",   "END", "EXECUTE", "LISTEN",  "LOAD",
    "NOTIFY", "PREPARE", "RELEASE", "RESET", "ROLLBACK",   "SAVEPOINT", "SET", "START",   "UNLISTEN"};

Result<void> CheckSqlText(std::string_view sql) {
  const std::string_view text = SkipComments(sql);
  if (text.empty() || text.front() == ';') return NotOneStatement(sql);
  if (std::ranges::find(kControl, FirstWord(text)) == kControl.end()) return {};
  return Error(ErrorCode::kInvalidArgument, fmt::format("not allowed inside a transaction: {}", sql));
}

}  // namespace

Result<void> CheckParams(SqlParams params) {
  for (size_t i = 0; i < params.size(); ++i) {
    const auto* text = std::get_if<std::string_view>(&params[i].get());
    if (text == nullptr || text->find('\0') == std::string_view::npos) continue;
    return Error(ErrorCode::kInvalidArgument, fmt::format("text parameter ${} contains U+0000", i + 1));
  }
  return {};
}

PgTransaction::PgTransaction(Connection& connection, const TxOptions& options, BodyEffects& effects,
                             std::chrono::microseconds time_shift)
    : connection_(connection),
      options_(options),
      effects_(effects),
      time_shift_(time_shift.count() == 0 ? std::string() : fmt::format("{}", time_shift.count())),
      time_shift_params_{time_shift_} {}

PgTransaction::~PgTransaction() {
  if (open_ && !connection_.lost()) connection_.SendOnly("ROLLBACK");
}

void PgTransaction::Append(AppendRequest request, std::function<void(const AppendOutcome&)> done) {
  effects_.appends.push_back({std::move(request), std::move(done), {}});
}

void PgTransaction::AfterCommit(std::move_only_function<void()> fn) {
  effects_.after_commit.push_back(std::move(fn));
}

// What is to be sent in front of the next statement.
std::vector<Statement> PgTransaction::Opening() const {
  std::vector<Statement> statements;
  if (open_) return statements;
  statements.push_back({BeginText(options_), {}});
  if (!time_shift_.empty()) statements.push_back({kShiftTime, time_shift_params_});
  return statements;
}

// For what cannot be sent together with it.
Result<void> PgTransaction::Begin() {
  const std::vector<Statement> opening = Opening();
  if (opening.empty()) return {};
  open_ = true;
  auto begun = connection_.Run(opening);
  if (begun) return {};
  failed_ = std::move(begun).error();
  return *failed_;
}

Result<ResultSet> PgTransaction::Run(std::string_view sql, SqlParams params) {
  if (failed_) return *failed_;
  if (std::exchange(ran_, true) && options_.single_statement && options_.read_only) return SecondStatement();
  JAMMI_TRY(CheckSqlText(sql));
  JAMMI_TRY(CheckParams(params));
  std::vector<Statement> statements = Opening();
  const size_t index = statements.size();
  statements.push_back({sql, params});
  // Where every read sees what is committed by then, it may as well be a transaction of its own: its end
  // goes with it and does not cost the server another answer.
  const bool is_whole = options_.read_only && options_.isolation == IsolationLevel::kReadCommitted;
  if (is_whole) statements.push_back({"COMMIT", {}});
  open_ = true;
  auto results = connection_.Run(statements);
  if (!results) {
    failed_ = IsSyntaxError(results.error()) && HasSeveralStatements(sql) ? NotOneStatement(sql)
                                                                          : std::move(results).error();
    // A statement that was sent to a server of the past: nobody should get this connection again.
    if (!options_.read_only && HasFault(*failed_, BackendFault::kReadOnly)) connection_.Abandon();
    return *failed_;
  }
  open_ = !is_whole;
  return std::move((*results)[index]);
}

Result<int64_t> PgTransaction::ExecuteImpl(std::string_view sql, SqlParams params) {
  JAMMI_ASSIGN(const ResultSet result, Run(sql, params));
  return result.changes();
}

Result<void> PgTransaction::QueryImpl(std::string_view sql, SqlParams params, const RowFn& row) {
  JAMMI_ASSIGN(const ResultSet result, Run(sql, params));
  JAMMI_TRY(result.CheckTypes());
  for (int i = 0; i < result.rows(); ++i) {
    JAMMI_ASSIGN(const bool more, row(ResultRow(result, i)));
    if (!more) break;
  }
  return {};
}

Result<void> PgTransaction::Write(std::vector<PendingAppend>& appends, HeadPlaces& places) {
  if (failed_) return *failed_;
  if (options_.read_only) {
    return Error(ErrorCode::kFailedPrecondition, "an event was appended in a read-only transaction",
                 BackendDetail{BackendFault::kReadOnly, "events", {}});
  }
  const std::vector<Statement> opening = Opening();
  open_ = true;
  auto results = WriteEvents(connection_, opening, appends, places);
  if (!results) {
    failed_ = results.error();
    return *failed_;
  }
  return {};
}

PgTransaction::Outcome PgTransaction::Commit() {
  if (failed_) return {Verdict::kRolledBack, failed_};
  if (!open_) return {Verdict::kCommitted, {}};  // there was nothing to do
  if (options_.read_only) return CommitReads();
  JAMMI_SYNC_POINT("catalog:before_commit");
  CommitMarker& marker = connection_.marker();
  std::vector<Statement> statements = marker.Next();
  mark_ = marker.last();
  statements.push_back({"COMMIT", {}});
  auto results = connection_.Run(statements);
  if (!results) {
    const Verdict verdict = connection_.lost() ? Verdict::kUnknown : Verdict::kRolledBack;
    return {verdict, std::move(results).error()};
  }
  open_ = false;
  if (results->back().tag() != "COMMIT") {
    return {Verdict::kRolledBack,
            Error(ErrorCode::kInternal, "the server rolled back a transaction without a reason")};
  }
  if (results->front().changes() > 0) marker.Committed();
  return {Verdict::kCommitted, {}};
}

PgTransaction::Outcome PgTransaction::CommitReads() {
  open_ = false;
  if (options_.isolation != IsolationLevel::kSerializable) {
    connection_.SendOnly("COMMIT");  // whatever comes of it: nothing was changed, all was read
    return {Verdict::kCommitted, {}};
  }
  auto result = connection_.RunOne("COMMIT");
  if (result) return {Verdict::kCommitted, {}};
  return {connection_.lost() ? Verdict::kUnknown : Verdict::kRolledBack, std::move(result).error()};
}

}  // namespace jammi::postgres
