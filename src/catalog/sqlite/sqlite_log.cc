#include "catalog/sqlite/sqlite_log.h"

#include <algorithm>
#include <utility>

#include "catalog/backend_error.h"
#include "catalog/call_guard.h"
#include "catalog/event_key.h"
#include "catalog/log_page.h"
#include "catalog/sqlite/log_statements.h"

namespace jammi::sqlite {
namespace {

LogHead HeadOf(Statement& row) {
  return {static_cast<uint64_t>(row.Int(0)), static_cast<uint64_t>(row.Int(1))};
}

LogPageBuilder::Row EventOf(Statement& row) {
  LogPageBuilder::Row event{.event_key = row.Int(2),
                            .committed_at = row.Int(3),
                            .scope = row.Text(4),
                            .row_count = row.Int(5),
                            .checksum = row.Int(6)};
  if (!row.IsNull(7)) event.payload = row.Bytes(7);
  return event;
}

Result<LogPage> ReadPage(Statement& rows, int64_t topic_no, uint64_t from, const PageLimit& limit) {
  JAMMI_ASSIGN(bool row, rows.Step());
  if (!row) return NoSuchTopic(topic_no);
  LogPageBuilder page(topic_no, from, limit, HeadOf(rows));
  while (row && !rows.IsNull(2)) {
    JAMMI_ASSIGN(const bool fits, page.Add(EventOf(rows)));
    if (!fits) break;
    JAMMI_ASSIGN(row, rows.Step());
  }
  return page.Finish();
}

Result<LogHead> ReadHeadOn(Connection& connection, int64_t topic_no) {
  JAMMI_ASSIGN(Statement head, connection.Prepare(kReadHead));
  JAMMI_TRY(head.Bind({topic_no}));
  JAMMI_ASSIGN(const bool row, head.Step());
  if (!row) return NoSuchTopic(topic_no);
  return HeadOf(head);
}

// The first offset of [low, high) committed at or after `time`; `high` when there is none.
Result<uint64_t> FindTimeOn(Connection& connection, int64_t topic_no, UnixMicros time) {
  JAMMI_ASSIGN(const LogHead head, ReadHeadOn(connection, topic_no));
  JAMMI_ASSIGN(Statement commit_time, connection.Prepare(kCommitTime));
  uint64_t low = head.low_water;
  uint64_t high = head.next_offset;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    commit_time.Reset();
    JAMMI_TRY(commit_time.Bind({EventKey(topic_no, static_cast<int64_t>(middle))}));
    JAMMI_ASSIGN(const bool row, commit_time.Step());
    if (!row) return DamagedEvent(topic_no, middle, "is missing");
    if (commit_time.Int(0) >= time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

void SqliteLog::AppendAsync(AppendRequest request, Deadline deadline, Done done) {
  if (CallScope::IsInside(backend_, CallScope::Kind::kBody)) {
    done(RefuseReentry(backend_).error());
    return;
  }
  if (auto valid = CheckAppend(request); !valid) {
    done(std::move(valid).error());
    return;
  }
  auto work = std::make_unique<Work>();
  work->deadline = deadline;
  work->request = std::move(request);
  work->done = std::move(done);
  writer_.Submit(std::move(work));
}

Result<AppendOutcome> SqliteLog::Append(AppendRequest request, Deadline deadline) {
  JAMMI_TRY(CheckAppend(request));
  Work work;
  work.deadline = deadline;
  work.request = std::move(request);
  JAMMI_TRY(writer_.RunAndWait(work));
  return work.appended;
}

Result<LogPage> SqliteLog::Read(int64_t topic_no, uint64_t from, const Scope& reader,
                                const PageLimit& limit) {
  JAMMI_TRY(RefuseReentry(backend_));
  if (limit.events < 1)
    return Error(ErrorCode::kInvalidArgument, "a page of the log must hold one event at least");
  // Above every head, and the key still fits.
  const uint64_t start = std::min<uint64_t>(from, kOffsetLimit - 1);
  JAMMI_ASSIGN(const auto lease, readers_.Acquire(Deadline::Never()));
  JAMMI_ASSIGN(Statement rows, lease->Prepare(kReadPage));
  const std::string scope = reader.Key();
  JAMMI_TRY(rows.Bind({topic_no, static_cast<int64_t>(start), scope, limit.events}));
  return ReadPage(rows, topic_no, start, limit);
}

Result<LogHead> SqliteLog::ReadHead(int64_t topic_no) {
  JAMMI_TRY(RefuseReentry(backend_));
  JAMMI_ASSIGN(const auto lease, readers_.Acquire(Deadline::Never()));
  return ReadHeadOn(*lease, topic_no);
}

Result<uint64_t> SqliteLog::FindTime(int64_t topic_no, UnixMicros time) {
  JAMMI_TRY(RefuseReentry(backend_));
  JAMMI_ASSIGN(const auto lease, readers_.Acquire(Deadline::Never()));
  JAMMI_TRY(lease->Run("BEGIN"));
  auto found = FindTimeOn(*lease, topic_no, time);
  lease->RollbackQuietly();
  return found;
}

}  // namespace jammi::sqlite
