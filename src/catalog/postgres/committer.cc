#include "catalog/postgres/committer.h"

#include <optional>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/backend_error.h"
#include "catalog/call_guard.h"
#include "catalog/postgres/pg_error.h"
#include "catalog/postgres/retry.h"

namespace jammi::postgres {
namespace {

// Ends the server's process if it is still there: one that has not noticed that its client is gone, and
// could take in a COMMIT that is still on its way. A process leaves this list after its transaction has
// ended.
constexpr std::string_view kEndProcess =
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid = $1 AND CAST(extract(epoch FROM backend_start) * 1000000 AS BIGINT) = $2";

Result<bool> IsOver(Connection& connection, const ServerProcess& process, Deadline deadline) {
  JAMMI_ASSIGN(const ResultSet ended,
               connection.RunOne(kEndProcess, {process.pid, process.started_at}, deadline));
  return ended.Int(0, 0) == 0;
}

}  // namespace

Result<void> Committer::Commit(PgTransaction& tx, const Connection& connection,
                               std::vector<PendingAppend>& appends, const std::function<void()>& callbacks) {
  // Who has nothing to tell need not wait for the turn.
  std::optional<CommitOrder::Ticket> ticket;
  if (!appends.empty() || callbacks) ticket = order_.Take();
  const auto begun = std::chrono::steady_clock::now();
  auto settled = Settle(tx, connection);
  if (!tx.read_only()) {
    const auto took = std::chrono::steady_clock::now() - begun;
    Add(statistics_.commit_us,
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
    if (settled) Add(statistics_.groups);
  }
  if (ticket && settled) order_.Deliver(*ticket, [&] { Tell(appends, callbacks); });
  if (ticket && !settled) order_.Drop(*ticket);
  return settled;
}

Result<void> Committer::Settle(PgTransaction& tx, const Connection& connection) {
  PgTransaction::Outcome outcome = tx.Commit();
  switch (outcome.verdict) {
    case PgTransaction::Verdict::kCommitted:
      return {};
    case PgTransaction::Verdict::kRolledBack:
      return *std::move(outcome.error);
    case PgTransaction::Verdict::kUnknown:
      break;
  }
  if (!tx.mark()) return ConnectionLost(outcome.error->message());  // it could change nothing
  return AskWhatBecame({*tx.mark(), connection.process(), *std::move(outcome.error)});
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
    const auto over = IsOver(*connection, doubt.process, deadline);
    if (!over || !*over) continue;
    const auto committed = IsMarked(*connection, doubt.mark, deadline);
    if (!committed) continue;
    if (*committed) return {};
    return ConnectionLost(doubt.error.message());
  } while (retry.Pause());
  Log(LogLevel::kError, "catalog: what became of a COMMIT is unknown: {}", doubt.error.message());
  return OutcomeUnknown(doubt.error);
}

void Committer::Tell(std::vector<PendingAppend>& appends, const std::function<void()>& callbacks) {
  const CallScope inside(backend_, CallScope::Kind::kCallback);
  std::vector<CommittedEvent> committed;
  for (const PendingAppend& append : appends) {
    if (append.settled) continue;
    AppendOutcome outcome = *append.outcome;
    for (EventAppend& event : append.request->events) {
      committed.push_back(
          {event.topic_no, outcome, event.scope, event.row_count, event.checksum, std::move(event.payload)});
      ++outcome.offset;
    }
    notifier_.Ring(append.topic_no(), outcome.offset);
  }
  Add(statistics_.events_appended, committed.size());
  if (listener_ && !committed.empty())
    CallBack("catalog", listener_, std::span<const CommittedEvent>(committed));
  if (callbacks) callbacks();
}

}  // namespace jammi::postgres
