#include "catalog/postgres/committer.h"

#include <fmt/format.h>

#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/backend_error.h"
#include "catalog/call_guard.h"
#include "catalog/postgres/pg_error.h"
#include "catalog/postgres/retry.h"

namespace jammi::postgres {
namespace {

// 'committed', 'aborted', 'in progress', or NULL: too long ago.
constexpr std::string_view kStatus = "SELECT pg_xact_status(CAST(CAST($1 AS TEXT) AS xid8))";

// A server process that has not noticed that its client is gone: it waits for a COMMIT that never comes.
// One that is committing does so all the same. The process may be another's by now, hence the number.
constexpr std::string_view kEndProcess =
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE pid = $1 AND CAST(backend_xid AS TEXT) = CAST(CAST(CAST($2 AS TEXT) AS xid8) AS xid)::TEXT";

}  // namespace

Result<void> Committer::Commit(PgTransaction& tx, const Connection& connection, std::vector<PendingEvent>& events,
                               const std::function<void()>& callbacks) {
  // Who has nothing to tell need not wait for the turn.
  std::optional<CommitOrder::Ticket> ticket;
  if (!events.empty() || callbacks) ticket = order_.Take();
  const auto begun = std::chrono::steady_clock::now();
  auto settled = Settle(tx, connection.pid(), tx.Commit());
  const auto took = std::chrono::steady_clock::now() - begun;
  Add(statistics_.commit_us, static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(took).count()));
  if (settled) Add(statistics_.groups);
  if (ticket && settled) order_.Deliver(*ticket, [&] { Tell(events, callbacks); });
  if (ticket && !settled) order_.Drop(*ticket);
  return settled;
}

Result<void> Committer::Settle(const PgTransaction& tx, int pid, PgTransaction::Outcome outcome) {
  switch (outcome.verdict) {
    case PgTransaction::Verdict::kCommitted: return {};
    case PgTransaction::Verdict::kRolledBack: return *std::move(outcome.error);
    case PgTransaction::Verdict::kUnknown: break;
  }
  if (tx.number().empty()) return ConnectionLost(outcome.error->message());  // it could change nothing
  return AskWhatBecame(tx.number(), pid, *outcome.error);
}

Result<void> Committer::AskWhatBecame(const std::string& number, int pid, const Error& error) {
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
    auto status = connection->RunOne(kStatus, {number}, deadline);
    if (!status) {
      if (connection->lost()) continue;
      break;  // a number that this server does not know: it is not the same database
    }
    const std::string_view text = status->IsNull(0, 0) ? std::string_view() : status->Text(0, 0);
    if (text == "committed") return {};
    if (text == "aborted") return ConnectionLost(error.message());
    if (text != "in progress") break;
    IgnoreError(connection->RunOne(kEndProcess, {static_cast<int64_t>(pid), number}, deadline),
                "the process may have ended by itself");
  } while (retry.Pause());
  Log(LogLevel::kError, "catalog: the outcome of transaction {} is unknown: {}", number, error.message());
  return OutcomeUnknown(error);
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
  if (listener_ && !committed.empty()) CallBack(listener_, std::span<const CommittedEvent>(committed));
  if (callbacks) callbacks();
}

}  // namespace jammi::postgres
