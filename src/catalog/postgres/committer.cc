#include "catalog/postgres/committer.h"

#include <bit>
#include <optional>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/backend_error.h"
#include "catalog/call_guard.h"
#include "catalog/event_key.h"
#include "catalog/postgres/pg_error.h"
#include "catalog/postgres/retry.h"

namespace jammi::postgres {
namespace {

// 'committed', 'aborted', 'in progress', or NULL: too long ago.
constexpr std::string_view kStatus = "SELECT pg_xact_status(CAST(CAST($1 AS TEXT) AS xid8))";

// A crash forgets numbers that had not reached the disk, and the server gives them again: then the status
// is another transaction's. The checkpoint at the end of recovery tells which numbers are older than the
// crash; it is one that nothing ran beside.
constexpr std::string_view kNumberIsOlder =
    "SELECT CAST(CAST($1 AS TEXT) AS NUMERIC) < CAST(split_part(next_xid, ':', 1) AS NUMERIC) * 4294967296 +"
    " CAST(split_part(next_xid, ':', 2) AS NUMERIC),"
    " checkpoint_lsn = redo_lsn AND current_setting('wal_level') <> 'minimal' FROM pg_control_checkpoint()";

constexpr std::string_view kEventIsThere =
    "SELECT count(*) FROM events WHERE event_key = $1 AND committed_at = $2 AND checksum = $3";

// A server process that has not noticed that its client is gone: it waits for a COMMIT that never comes.
// One that is committing does so all the same. The process may be another's by now, hence the number.
constexpr std::string_view kEndProcess =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid = $1 AND CAST(backend_xid AS TEXT) = CAST(CAST(CAST($2 AS TEXT) AS xid8) AS xid)::TEXT";

}  // namespace

Result<void> Committer::Commit(PgTransaction& tx, const Connection& connection,
                               std::vector<PendingEvent>& events, const std::function<void()>& callbacks) {
  // Who has nothing to tell need not wait for the turn.
  std::optional<CommitOrder::Ticket> ticket;
  if (!events.empty() || callbacks) ticket = order_.Take();
  const auto begun = std::chrono::steady_clock::now();
  auto outcome = tx.Commit();
  Doubt doubt{tx.number(), connection.pid(), connection.server_life(),
              events.empty() ? nullptr : &events.front(),
              outcome.error.value_or(Error(ErrorCode::kInternal, ""))};
  auto settled = Settle(std::move(outcome), std::move(doubt));
  const auto took = std::chrono::steady_clock::now() - begun;
  Add(statistics_.commit_us,
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  if (settled) Add(statistics_.groups);
  if (ticket && settled) order_.Deliver(*ticket, [&] { Tell(events, callbacks); });
  if (ticket && !settled) order_.Drop(*ticket);
  return settled;
}

Result<void> Committer::Settle(PgTransaction::Outcome outcome, Doubt doubt) {
  switch (outcome.verdict) {
    case PgTransaction::Verdict::kCommitted:
      return {};
    case PgTransaction::Verdict::kRolledBack:
      return *std::move(outcome.error);
    case PgTransaction::Verdict::kUnknown:
      break;
  }
  if (doubt.number.empty()) return ConnectionLost(doubt.error.message());  // it could change nothing
  return AskWhatBecame(doubt);
}

Result<void> Committer::AskWhatBecame(const Doubt& doubt) {
  JAMMI_SYNC_POINT("catalog:commit_lost");
  const Deadline deadline = Deadline::After(ask_for_);
  Retry retry(deadline);
  std::unique_ptr<Connection> connection;
  do {
    if (connection == nullptr || connection->lost()) {
      auto opened = open_(deadline);
      if (!opened) continue;
      connection = std::move(*opened);
    }
    const bool crashed = connection->server_life() != doubt.server_life;
    auto answer = crashed ? AskAfterCrash(*connection, doubt, deadline) : Ask(*connection, doubt, deadline);
    if (!answer && connection->lost()) continue;
    if (!answer || *answer == Answer::kNobodyKnows) break;
    if (*answer == Answer::kCommitted) return {};
    if (*answer == Answer::kRolledBack) return ConnectionLost(doubt.error.message());
    IgnoreError(connection->RunOne(kEndProcess, {static_cast<int64_t>(doubt.pid), doubt.number}, deadline),
                "the process may have ended by itself");
  } while (retry.Pause());
  Log(LogLevel::kError, "catalog: the outcome of transaction {} is unknown: {}", doubt.number,
      doubt.error.message());
  return OutcomeUnknown(doubt.error);
}

Result<Committer::Answer> Committer::Ask(Connection& connection, const Doubt& doubt,
                                         Deadline deadline) const {
  JAMMI_ASSIGN(const ResultSet status, connection.RunOne(kStatus, {doubt.number}, deadline));
  const std::string_view text = status.IsNull(0, 0) ? std::string_view() : status.Text(0, 0);
  if (text == "committed") return Answer::kCommitted;
  if (text == "aborted") return Answer::kRolledBack;
  return text == "in progress" ? Answer::kInProgress : Answer::kNobodyKnows;
}

// The server has crashed since, or this is another one.
Result<Committer::Answer> Committer::AskAfterCrash(Connection& connection, const Doubt& doubt,
                                                   Deadline deadline) const {
  if (doubt.event != nullptr) {  // its own trace is the best witness
    JAMMI_ASSIGN(
        const ResultSet there,
        connection.RunOne(
            kEventIsThere,
            {EventKey(doubt.event->event->topic_no, static_cast<int64_t>(doubt.event->outcome->offset)),
             doubt.event->outcome->committed_at, std::bit_cast<int64_t>(doubt.event->event->checksum)},
            deadline));
    return there.Int(0, 0) > 0 ? Answer::kCommitted : Answer::kRolledBack;
  }
  JAMMI_ASSIGN(const ResultSet older, connection.RunOne(kNumberIsOlder, {doubt.number}, deadline));
  if (older.Int(0, 0) == 0) return Answer::kRolledBack;
  JAMMI_ASSIGN(const Answer answer, Ask(connection, doubt, deadline));
  const bool is_of_recovery = older.Int(0, 1) != 0;
  return answer == Answer::kCommitted && !is_of_recovery ? Answer::kNobodyKnows : answer;
}

void Committer::Tell(std::vector<PendingEvent>& events, const std::function<void()>& callbacks) {
  const CallScope inside(backend_, CallScope::Kind::kCallback);
  std::vector<CommittedEvent> committed;
  for (const PendingEvent& pending : events) {
    if (pending.refused) continue;
    EventAppend& event = *pending.event;
    notifier_.Ring(event.topic_no, pending.outcome->offset + 1);
    committed.push_back({event.topic_no, *pending.outcome, event.scope, event.row_count, event.checksum,
                         std::move(event.payload)});
  }
  Add(statistics_.events_appended, committed.size());
  if (listener_ && !committed.empty()) CallBack("catalog", listener_, std::span<const CommittedEvent>(committed));
  if (callbacks) callbacks();
}

}  // namespace jammi::postgres
