#include "ephemeral/session_ender.h"

#include <algorithm>

#include "base/log.h"
#include "base/sync_point.h"

namespace jammi {
namespace {

constexpr std::chrono::seconds kFirstRetry{30};
constexpr int64_t kMostDoublings = 7;  // a little more than an hour

SessionLifecycleEvent EventOf(SessionEnding ending) {
  return ending == SessionEnding::kClosed ? SessionLifecycleEvent::kClosed : SessionLifecycleEvent::kTimedOut;
}

// Of a table that was being dropped: it concerns this one alone, and the others can go without it.
bool IsOfTable(const Error& error) {
  const auto* const detail = error.As<BackendDetail>();
  if (detail == nullptr) return !IsRetryable(error.code()) && error.code() != ErrorCode::kOutcomeUnknown;
  switch (detail->fault) {
    case BackendFault::kSerialization:
    case BackendFault::kConnection:
    case BackendFault::kFull:
    case BackendFault::kIo:
    case BackendFault::kReadOnly:
      return false;
    default:
      return true;
  }
}

}  // namespace

// What is known of an end between its transactions.
struct SessionEnder::Run {
  EphemeralKey key;
  EndOf which = EndOf::kDue;
  int64_t topic_no = 0;
  std::set<std::string> survivors;
  // Of the last step that committed; absent: the session is not claimed yet.
  std::optional<EndingSession> session;

  // Of the step that runs.
  std::optional<EndingSession> claimed;
  std::string dropping;  // the table that it is at
  bool more = false;     // it leaves work to another step

  [[nodiscard]] Result<std::optional<EndingSession>> Take(Transaction& tx, const EphemeralRepo& repo) const {
    if (session) return repo.Hold(tx, key, *session);
    return which == EndOf::kOpen ? repo.ClaimOpen(tx, key) : repo.ClaimDue(tx, key);
  }
  [[nodiscard]] SessionLifecycleRecord Record(SessionLifecycleEvent event, const SessionEnd& end) const {
    return {.session_id = key.session_id,
            .tenant_id = key.tenant.Key(),
            .event = event,
            .occurred_at = claimed->now,
            .ephemeral_table_count = end.tables,
            .deleted_row_count = end.rows,
            .surviving_tables = end.survivors,
            .attempted_event = EventOf(claimed->ending),
            .reason = claimed->ending == SessionEnding::kEngineLost ? "engine_lost" : ""};
  }
};

std::chrono::microseconds SessionEnder::RetryAfter(int64_t failures) {
  return kFirstRetry * (int64_t{1} << std::clamp<int64_t>(failures, 0, kMostDoublings));
}

Result<SessionEnd> SessionEnder::End(const EphemeralKey& key, EndOf which, Deadline deadline) {
  Run run{.key = key, .which = which};
  JAMMI_ASSIGN(run.topic_no, topic_.Ensure(key.tenant));
  while (true) {
    auto step = backend_.Transact({.lane = Lane::kBulk, .deadline = deadline},
                                  [&](Transaction& tx) { return Step(tx, run); });
    if (step && !run.more) return step;
    if (step) {
      run.session = run.claimed;
      JAMMI_SYNC_POINT("ephemeral.step");
      continue;
    }
    if (run.dropping.empty() || !IsOfTable(step.error())) return step;
    Log(LogLevel::kWarning, "ephemeral session {}: table {} cannot be dropped: {}", key.session_id,
        run.dropping, step.error().ToString());
    run.survivors.insert(run.dropping);
  }
}

// It may run more than once.
Result<SessionEnd> SessionEnder::Step(Transaction& tx, Run& run) const {
  run.dropping.clear();
  run.more = false;
  JAMMI_ASSIGN(run.claimed, run.Take(tx, repo_));
  if (!run.claimed) return SessionEnd();
  JAMMI_SYNC_POINT("ephemeral.claimed");
  JAMMI_ASSIGN(const auto tables, tables_.List(tx, run.key));
  SessionEnd end{.claimed = true};
  size_t dropped = 0;
  int64_t rows = 0;
  for (const std::string& table : tables) {
    if (run.survivors.contains(table)) {
      end.survivors.push_back(table);
      continue;
    }
    run.more = dropped == kTablesAStep;
    if (run.more) break;
    run.dropping = table;
    JAMMI_ASSIGN(const int64_t gone, tables_.Drop(tx, run.key, table));
    run.dropping.clear();
    rows += gone;
    ++dropped;
  }
  JAMMI_SYNC_POINT("ephemeral.dropped");
  const auto dropped_now = static_cast<int64_t>(dropped);
  if (run.more) {
    JAMMI_TRY(repo_.AddDropped(tx, run.key, dropped_now, rows));
    return end;
  }
  end.tables = run.claimed->dropped_tables + dropped_now + static_cast<int64_t>(end.survivors.size());
  end.rows = run.claimed->deleted_rows + rows;
  if (end.survivors.empty()) return Finish(tx, run, std::move(end));
  return LeaveSurvivors(tx, run, std::move(end), dropped_now, rows);
}

Result<SessionEnd> SessionEnder::Finish(Transaction& tx, const Run& run, SessionEnd end) const {
  JAMMI_TRY(repo_.Remove(tx, run.key));
  JAMMI_TRY(LifecycleTopic::Append(tx, run.topic_no, run.key.tenant,
                                   run.Record(EventOf(run.claimed->ending), end)));
  JAMMI_SYNC_POINT("ephemeral.announced");
  return end;
}

// Said once: that later tries have failed, too, is in the log of the process.
Result<SessionEnd> SessionEnder::LeaveSurvivors(Transaction& tx, const Run& run, SessionEnd end,
                                                int64_t dropped, int64_t rows) const {
  JAMMI_TRY(repo_.AddDropped(tx, run.key, dropped, rows));
  JAMMI_TRY(repo_.Postpone(tx, run.key, RetryAfter(run.claimed->failures), /*announced=*/true));
  if (run.claimed->announced) return end;
  JAMMI_TRY(LifecycleTopic::Append(tx, run.topic_no, run.key.tenant,
                                   run.Record(SessionLifecycleEvent::kPartialDeletionFailure, end)));
  return end;
}

Result<void> SessionEnder::Postpone(const EphemeralKey& key, Deadline deadline) {
  return backend_.RunTransaction({.deadline = deadline}, [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto claimed, repo_.ClaimDue(tx, key));
    if (!claimed) return {};
    return repo_.Postpone(tx, key, RetryAfter(claimed->failures), claimed->announced);
  });
}

}  // namespace jammi
