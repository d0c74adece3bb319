#include "catalog/sqlite/group_runner.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <string>
#include <tuple>

#include "base/sync_point.h"
#include "catalog/backend_error.h"
#include "catalog/call_guard.h"
#include "catalog/event_key.h"
#include "catalog/sqlite/log_statements.h"

namespace jammi::sqlite {
namespace {

// Codes of COMMIT after which SQLite guarantees that nothing of the transaction can come back. After
// others, a failed sync above all, a complete commit record may lie in the write-ahead log. The fault
// does not tell: a sync that finds no space is BackendFault::kFull too.
bool IsSurelyRolledBack(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  if (detail == nullptr) return false;
  const std::string_view code = detail->native_code;
  return code == "SQLITE_FULL" || code.starts_with("SQLITE_BUSY") || code.starts_with("SQLITE_CONSTRAINT");
}

Error WhyNoOffsets(Connection& connection, int64_t topic_no) {
  auto known = connection.GetInt("SELECT count(*) FROM topic_heads WHERE topic_no = $1", {topic_no});
  if (!known) return std::move(known).error();
  if (*known > 0) {
    return Error(ErrorCode::kResourceExhausted, fmt::format("topic {} has used up its {} offsets", topic_no, kOffsetLimit));
  }
  return NoSuchTopic(topic_no);
}

// A deferred key that is still open names no table; this finds one.
Error OpenForeignKey(Connection& connection) {
  std::string table;
  if (auto statement = connection.Prepare("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1")) {
    if (auto row = statement->Step(); row && *row) table = std::string(statement->Text(0));
  }
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("FOREIGN KEY constraint failed at the end of the transaction: {}", table),
               BackendDetail{BackendFault::kForeignKey, table, "SQLITE_CONSTRAINT_FOREIGNKEY"});
}

}  // namespace

GroupRunner::Report GroupRunner::Run(Connection& connection, std::span<Work* const> group,
                                     std::vector<CommittedEvent>& committed) {
  Report report;
  const auto run = [&](std::span<Work* const> some) {
    const Verdict verdict = Attempt(connection, some);
    if (verdict == Verdict::kCommitted) {
      ++report.commits;
      Collect(committed);
    }
    report.outcome_unknown |= verdict == Verdict::kUnknown;
    return verdict;
  };
  if (run(group) != Verdict::kRolledBack || group.size() == 1) return report;
  for (size_t i = 0; i < group.size(); ++i) {
    if (report.outcome_unknown) {
      group[i]->outcome = Error(ErrorCode::kUnavailable, "the catalog file is being reopened after an I/O error",
                                BackendDetail{BackendFault::kConnection, {}, {}});
      continue;
    }
    ++report.reruns;
    run(group.subspan(i, 1));
  }
  return report;
}

GroupRunner::Verdict GroupRunner::Attempt(Connection& connection, std::span<Work* const> group) {
  for (Work* work : group) {
    work->outcome = {};
    work->effects = {};
  }
  if (auto begun = connection.Run("BEGIN IMMEDIATE"); !begun) {
    for (Work* work : group) work->outcome = begun.error();
    return Verdict::kNotBegun;
  }
  if (auto ran = RunBodies(connection, group); !ran) return RolledBack(connection, group, ran.error());
  if (auto appended = AppendAll(connection, group); !appended) return RolledBack(connection, group, appended.error());
  JAMMI_SYNC_POINT("catalog:before_commit");
  return Commit(connection, group);
}

GroupRunner::Verdict GroupRunner::Commit(Connection& connection, std::span<Work* const> group) {
  auto committed = connection.Run("COMMIT");
  if (committed) return Verdict::kCommitted;
  if (IsSurelyRolledBack(committed.error())) return RolledBack(connection, group, committed.error());
  for (Work* work : group) work->outcome = OutcomeUnknown(committed.error());
  return Verdict::kUnknown;
}

GroupRunner::Verdict GroupRunner::RolledBack(Connection& connection, std::span<Work* const> group,
                                             const Error& error) {
  connection.RollbackQuietly();
  // The body that failed keeps its own error. It counts only if this was the run of one work.
  for (Work* work : group) {
    if (work->outcome) work->outcome = error;
  }
  return Verdict::kRolledBack;
}

Result<void> GroupRunner::RunBodies(Connection& connection, std::span<Work* const> group) {
  const bool savepoint = group.size() > 1;
  for (Work* work : group) {
    if (work->is_body()) JAMMI_TRY(RunBody(connection, *work, savepoint));
  }
  return {};
}

// An error of this function is one of the whole transaction; the body's own is its outcome.
Result<void> GroupRunner::RunBody(Connection& connection, Work& work, bool savepoint) {
  if (savepoint) JAMMI_TRY(connection.Run("SAVEPOINT body"));
  SqliteTransaction tx(connection, work.effects);
  {
    const CallScope inside(backend_, CallScope::Kind::kBody);
    work.outcome = CallBody(*work.body, tx);
  }
  if (tx.lost()) return *tx.lost();
  if (work.outcome) work.outcome = CheckBodyIsWhole(connection, work);
  if (work.outcome) return savepoint ? connection.Run("RELEASE body") : Result<void>();
  work.effects = {};
  if (!savepoint) return work.outcome;
  JAMMI_TRY(connection.Run("ROLLBACK TO body"));
  return connection.Run("RELEASE body");
}

Result<void> GroupRunner::CheckBodyIsWhole(Connection& connection, const Work& work) {
  if (connection.HasOpenForeignKeys()) return OpenForeignKey(connection);
  for (const auto& append : work.effects.appends) {
    JAMMI_TRY(CheckEvent(append.event));
    JAMMI_ASSIGN(const int64_t heads, connection.GetInt("SELECT count(*) FROM topic_heads WHERE topic_no = $1",
                                                        {append.event.topic_no}));
    if (heads == 0) return WhyNoOffsets(connection, append.event.topic_no);
  }
  return {};
}

// The last statements before COMMIT: every topic's events get their offsets, topics in order of number.
Result<void> GroupRunner::AppendAll(Connection& connection, std::span<Work* const> group) {
  pending_.clear();
  for (Work* work : group) {
    if (!work->is_body()) pending_.push_back({&work->event, &work->appended, work});
    for (auto& append : work->effects.appends) pending_.push_back({&append.event, &append.outcome, work});
  }
  if (pending_.empty()) return {};
  const auto topic_no = [](const Pending& pending) { return pending.event->topic_no; };
  if (!std::ranges::is_sorted(pending_, {}, topic_no)) std::ranges::stable_sort(pending_, {}, topic_no);
  const UnixMicros now = clock_->Now();
  for (auto first = pending_.begin(); first != pending_.end();) {
    const auto last = std::ranges::upper_bound(first, pending_.end(), topic_no(*first), {}, topic_no);
    JAMMI_TRY(AppendToTopic(connection, {first, last}, now));
    first = last;
  }
  return {};
}

Result<void> GroupRunner::AppendToTopic(Connection& connection, std::span<Pending> events, UnixMicros now) {
  const int64_t topic_no = events.front().event->topic_no;
  const auto count = static_cast<int64_t>(events.size());
  int64_t bytes = 0;
  for (const Pending& pending : events) bytes += pending.event->payload->size();

  int64_t offset = 0;
  UnixMicros committed_at = 0;
  {
    JAMMI_ASSIGN(Statement advance, connection.Prepare(kAdvanceHead));
    JAMMI_TRY(advance.Bind({topic_no, count, bytes, now, kOffsetLimit}));
    JAMMI_ASSIGN(const bool row, advance.Step());
    if (!row) {
      Error error = WhyNoOffsets(connection, topic_no);
      // A body must not commit without its event.
      const bool of_body = std::ranges::any_of(events, [](const Pending& pending) { return pending.work->is_body(); });
      if (of_body || error.As<BackendDetail>() != nullptr) return error;
      for (const Pending& pending : events) pending.work->outcome = error;
      return {};
    }
    offset = advance.Int(0) - count;
    committed_at = advance.Int(1);
  }
  JAMMI_ASSIGN(Statement insert, connection.Prepare(kInsertEvent));
  for (const Pending& pending : events) {
    const EventAppend& event = *pending.event;
    const std::string scope = event.scope.Key();
    JAMMI_TRY(insert.Bind({EventKey(topic_no, offset), committed_at, scope, event.row_count,
                           std::bit_cast<int64_t>(event.checksum),
                           SqlBytes(event.payload->data(), static_cast<size_t>(event.payload->size()))}));
    JAMMI_TRY(insert.Finish());
    insert.Reset();
    *pending.outcome = {static_cast<uint64_t>(offset), committed_at};
    ++offset;
  }
  return {};
}

void GroupRunner::Collect(std::vector<CommittedEvent>& committed) {
  for (const Pending& pending : pending_) {
    if (!pending.work->outcome) continue;
    EventAppend& event = *pending.event;
    committed.push_back({event.topic_no, *pending.outcome, event.scope, event.row_count, event.checksum,
                         std::move(event.payload)});
  }
}

}  // namespace jammi::sqlite
