#include "catalog/sqlite/group_runner.h"

#include <arrow/buffer.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <optional>
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

Result<bool> HasHead(Connection& connection, int64_t topic_no) {
  JAMMI_ASSIGN(const int64_t heads,
               connection.GetInt("SELECT count(*) FROM topic_heads WHERE topic_no = $1", {topic_no}));
  return heads > 0;
}

Error WhyNoOffsets(Connection& connection, int64_t topic_no) {
  const auto has_head = HasHead(connection, topic_no);
  if (!has_head) return has_head.error();
  if (*has_head) {
    return Error(ErrorCode::kResourceExhausted,
                 fmt::format("topic {} has used up its {} offsets", topic_no, kOffsetLimit));
  }
  return NoSuchTopic(topic_no);
}

void Refuse(PendingAppend& append, const Error& error) {
  if (append.settled) return;
  append.settled = true;
  append.refused = error;
}

Result<std::optional<KeyRecord>> FindKey(Connection& connection, const PendingAppend& append) {
  JAMMI_ASSIGN(Statement find, connection.Prepare(kFindKey));
  const std::string scope = append.first().scope.Key();
  JAMMI_TRY(find.Bind({append.topic_no(), scope, append.request->producer_key}));
  JAMMI_ASSIGN(const bool row, find.Step());
  if (!row) return std::optional<KeyRecord>();
  return std::optional<KeyRecord>({.first_offset = static_cast<uint64_t>(find.Int(0)),
                                   .events = find.Int(1),
                                   .checksum = std::bit_cast<uint64_t>(find.Int(2)),
                                   .committed_at = find.Int(3)});
}

// Of appends to one topic. The keys of one that was dropped may still be there.
template <class Append>
Result<void> FindKeys(Connection& connection, std::span<Append> appends, KeyedAppends& keyed) {
  if (std::ranges::none_of(appends, &PendingAppend::has_key)) return {};
  JAMMI_ASSIGN(const bool has_head, HasHead(connection, appends.front().topic_no()));
  if (!has_head) return {};
  for (PendingAppend& append : appends) {
    if (!append.has_key()) continue;
    JAMMI_ASSIGN(const auto known, FindKey(connection, append));
    keyed.Add(append, known);
  }
  return {};
}

// `insert`: kInsertEvent.
Result<void> WriteEvents(Statement& insert, const PendingAppend& append) {
  int64_t key = EventKey(append.topic_no(), static_cast<int64_t>(append.outcome->offset));
  const std::string scope = append.first().scope.Key();
  for (const EventAppend& event : append.request->events) {
    JAMMI_TRY(insert.Bind({key++, append.outcome->committed_at, scope, event.row_count,
                           std::bit_cast<int64_t>(event.checksum),
                           SqlBytes(event.payload->data(), static_cast<size_t>(event.payload->size()))}));
    JAMMI_TRY(insert.Finish());
    insert.Reset();
  }
  return {};
}

Result<void> WriteKey(Connection& connection, const PendingAppend& append) {
  const std::string scope = append.first().scope.Key();
  return connection.Run(
      kInsertKey, {append.topic_no(), scope, append.request->producer_key,
                   static_cast<int64_t>(append.outcome->offset), std::ssize(append.request->events),
                   std::bit_cast<int64_t>(ContentChecksum(*append.request)), append.outcome->committed_at});
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
      group[i]->outcome =
          Error(ErrorCode::kUnavailable, "the catalog file is being reopened after an I/O error",
                BackendDetail{BackendFault::kConnection, {}, {}});
      continue;
    }
    ++report.reruns;
    run(group.subspan(i, 1));
  }
  return report;
}

GroupRunner::Verdict GroupRunner::Attempt(Connection& connection, std::span<Work* const> group) {
  topics_.clear();
  for (Work* work : group) {
    work->outcome = {};
    work->effects = {};
  }
  if (auto begun = connection.Run("BEGIN IMMEDIATE"); !begun) {
    for (Work* work : group) work->outcome = begun.error();
    return Verdict::kNotBegun;
  }
  if (auto ran = RunBodies(connection, group); !ran) return RolledBack(connection, group, ran.error());
  if (auto appended = AppendAll(connection, group); !appended)
    return RolledBack(connection, group, appended.error());
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
  if (work.outcome) work.outcome = CheckBodyIsWhole(connection, work, savepoint);
  if (work.outcome) return savepoint ? connection.Run("RELEASE body") : Result<void>();
  work.effects = {};
  if (!savepoint) return work.outcome;
  JAMMI_TRY(connection.Run("ROLLBACK TO body"));
  return connection.Run("RELEASE body");
}

Result<void> GroupRunner::CheckBodyIsWhole(Connection& connection, const Work& work, bool has_company) {
  if (connection.HasOpenForeignKeys()) return OpenForeignKey(connection);
  for (const auto& append : work.effects.appends) {
    JAMMI_TRY(CheckAppend(append.request));
    // Who is alone finds out when the offsets are taken.
    if (has_company) JAMMI_TRY(CheckTopicIsThere(connection, append.request.events.front().topic_no));
  }
  return {};
}

// Once for all bodies of a group: if one of them drops the topic after another has appended, the group fails
// as a whole anyway.
Result<void> GroupRunner::CheckTopicIsThere(Connection& connection, int64_t topic_no) {
  if (std::ranges::find(topics_, topic_no) != topics_.end()) return {};
  JAMMI_ASSIGN(const bool has_head, HasHead(connection, topic_no));
  if (!has_head) return NoSuchTopic(topic_no);
  topics_.push_back(topic_no);
  return {};
}

// The last statements before COMMIT: every topic's events get their offsets, topics in order of number.
Result<void> GroupRunner::AppendAll(Connection& connection, std::span<Work* const> group) {
  pending_.clear();
  for (Work* work : group) {
    if (!work->is_body()) pending_.push_back({{&work->request, &work->appended}, work});
    for (auto& append : work->effects.appends) pending_.push_back({{&append.request, &append.outcome}, work});
  }
  if (pending_.empty()) return {};
  const auto topic_no = [](const Pending& pending) { return pending.topic_no(); };
  if (!std::ranges::is_sorted(pending_, {}, topic_no)) std::ranges::stable_sort(pending_, {}, topic_no);
  const UnixMicros now = clock_->Now();
  for (auto first = pending_.begin(); first != pending_.end();) {
    const auto last = std::ranges::upper_bound(first, pending_.end(), topic_no(*first), {}, topic_no);
    JAMMI_TRY(AppendToTopic(connection, {first, last}, now));
    first = last;
  }
  return {};
}

// An error of this function is one of the whole transaction; that of an append is the outcome of its work.
Result<void> GroupRunner::AppendToTopic(Connection& connection, std::span<Pending> appends, UnixMicros now) {
  KeyedAppends keyed;
  JAMMI_TRY(FindKeys(connection, appends, keyed));
  JAMMI_TRY(Write(connection, appends, now));
  keyed.Finish();
  for (Pending& pending : appends) {
    if (!pending.refused) continue;
    // A body must not commit without its event.
    if (pending.work->is_body()) return *std::move(pending.refused);
    pending.work->outcome = *std::move(pending.refused);
  }
  return {};
}

// Those that are not settled.
Result<void> GroupRunner::Write(Connection& connection, std::span<Pending> appends, UnixMicros now) {
  int64_t count = 0;
  int64_t bytes = 0;
  for (const Pending& pending : appends) {
    if (pending.settled) continue;
    count += std::ssize(pending.request->events);
    for (const EventAppend& event : pending.request->events) bytes += event.payload->size();
  }
  if (count == 0) return {};
  AppendOutcome next;
  {
    const int64_t topic_no = appends.front().topic_no();
    JAMMI_ASSIGN(Statement advance, connection.Prepare(kAdvanceHead));
    JAMMI_TRY(advance.Bind({topic_no, count, bytes, now, kOffsetLimit}));
    JAMMI_ASSIGN(const bool row, advance.Step());
    if (!row) {
      const Error error = WhyNoOffsets(connection, topic_no);
      if (error.As<BackendDetail>() != nullptr) return error;
      for (Pending& pending : appends) Refuse(pending, error);
      return {};
    }
    next = {static_cast<uint64_t>(advance.Int(0) - count), advance.Int(1)};
  }
  JAMMI_ASSIGN(Statement insert, connection.Prepare(kInsertEvent));
  for (const Pending& pending : appends) {
    if (pending.settled) continue;
    *pending.outcome = next;
    JAMMI_TRY(WriteEvents(insert, pending));
    if (pending.has_key()) JAMMI_TRY(WriteKey(connection, pending));
    next.offset += pending.request->events.size();
  }
  return {};
}

void GroupRunner::Collect(std::vector<CommittedEvent>& committed) {
  for (const Pending& pending : pending_) {
    if (!pending.work->outcome || pending.settled) continue;
    AppendOutcome outcome = *pending.outcome;
    for (EventAppend& event : pending.request->events) {
      committed.push_back(
          {event.topic_no, outcome, event.scope, event.row_count, event.checksum, std::move(event.payload)});
      ++outcome.offset;
    }
  }
}

}  // namespace jammi::sqlite
