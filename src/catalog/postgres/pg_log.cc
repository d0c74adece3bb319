#include "catalog/postgres/pg_log.h"

#include <algorithm>
#include <utility>

#include "catalog/backend_error.h"
#include "catalog/call_guard.h"
#include "catalog/event_key.h"
#include "catalog/log_page.h"
#include "catalog/postgres/log_statements.h"
#include "catalog/postgres/pg_error.h"
#include "catalog/postgres/retry.h"

namespace jammi::postgres {
namespace {

LogHead HeadOf(const ResultSet& rows) {
  return {static_cast<uint64_t>(rows.Int(0, 0)), static_cast<uint64_t>(rows.Int(0, 1))};
}

LogPageBuilder::Row EventOf(const ResultSet& rows, int row) {
  LogPageBuilder::Row event{.event_key = rows.Int(row, 2),
                            .committed_at = rows.Int(row, 3),
                            .scope = rows.Text(row, 4),
                            .row_count = rows.Int(row, 5),
                            .checksum = rows.Int(row, 6)};
  if (!rows.IsNull(row, 7)) event.payload = rows.Bytes(row, 7);
  return event;
}

}  // namespace

void PgLog::AppendAsync(AppendRequest request, Deadline deadline, Done done) {
  if (CallScope::IsInside(backend_, CallScope::Kind::kBody)) {
    done(RefuseReentry(backend_).error());
    return;
  }
  if (auto valid = CheckAppend(request); !valid) {
    done(std::move(valid).error());
    return;
  }
  appender_.Submit(std::move(request), deadline, std::move(done));
}

Result<AppendOutcome> PgLog::Append(AppendRequest request, Deadline deadline) {
  JAMMI_TRY(RefuseReentry(backend_));
  JAMMI_TRY(CheckAppend(request));
  return appender_.SubmitAndWait(std::move(request), deadline);
}

Result<ResultSet> PgLog::Ask(std::string_view sql, std::initializer_list<SqlValue> params) {
  JAMMI_TRY(RefuseReentry(backend_));
  Retry retry(Deadline::After(options_.retry_for));
  while (true) {
    auto answer = [&]() -> Result<ResultSet> {
      JAMMI_ASSIGN(const Pool::Lease connection, pool_.Acquire(Deadline::After(options_.acquire_timeout)));
      return connection->RunOne(sql, params);
    }();
    if (answer || !MayRerun(answer.error()) || pool_.closed() || !retry.Pause()) return answer;
  }
}

Result<LogPage> PgLog::Read(int64_t topic_no, uint64_t from, const Scope& reader, const PageLimit& limit) {
  if (limit.events < 1)
    return Error(ErrorCode::kInvalidArgument, "a page of the log must hold one event at least");
  // Above every head, and the key still fits.
  const uint64_t start = std::min<uint64_t>(from, kOffsetLimit - 1);
  const std::string scope = reader.Key();
  JAMMI_ASSIGN(const ResultSet rows,
               Ask(kReadPage, {topic_no, static_cast<int64_t>(start), scope, limit.events, limit.bytes}));
  if (rows.rows() == 0) return NoSuchTopic(topic_no);
  LogPageBuilder page(topic_no, start, limit, HeadOf(rows));
  bool fits = true;
  for (int i = 0; fits && i < rows.rows() && !rows.IsNull(i, 2); ++i) {
    JAMMI_ASSIGN(fits, page.Add(EventOf(rows, i)));
  }
  return page.Finish();
}

Result<LogHead> PgLog::ReadHead(int64_t topic_no) {
  JAMMI_ASSIGN(const ResultSet rows, Ask(kReadHead, {topic_no}));
  if (rows.rows() == 0) return NoSuchTopic(topic_no);
  return HeadOf(rows);
}

Result<uint64_t> PgLog::FindTime(int64_t topic_no, UnixMicros time) {
  JAMMI_ASSIGN(const ResultSet rows, Ask(kFindTime, {topic_no, time}));
  if (rows.rows() == 0) return NoSuchTopic(topic_no);
  if (rows.IsNull(0, 0)) return DamagedEvent(topic_no, static_cast<uint64_t>(rows.Int(0, 1)), "is missing");
  return static_cast<uint64_t>(rows.Int(0, 0));
}

}  // namespace jammi::postgres
