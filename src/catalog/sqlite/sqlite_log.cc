#include "catalog/sqlite/sqlite_log.h"

#include <arrow/buffer.h>
#include <arrow/result.h>
#include <arrow/status.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/hash.h"
#include "catalog/sqlite/call_guard.h"
#include "catalog/sqlite/log_statements.h"

namespace jammi::sqlite {
namespace {

// Where a payload begins in its page: Arrow reads buffers that begin so without copying them.
constexpr int64_t kPayloadAlignment = 64;

Error NoHead(int64_t topic_no) {
  return Error(ErrorCode::kNotFound, fmt::format("topic {} does not exist or was dropped", topic_no),
               TopicNotFoundDetail{fmt::format("{}", topic_no)});
}

Error Damaged(int64_t topic_no, uint64_t offset, std::string_view how) {
  return Error(ErrorCode::kDataLoss, fmt::format("topic {}: the event at offset {} {}", topic_no, offset, how),
               BackendDetail{BackendFault::kCorrupt, fmt::format("events {}/{}", topic_no, offset), {}});
}

Error OutOfMemory(const arrow::Status& status) { return Error(ErrorCode::kResourceExhausted, status.ToString()); }

// Rows of kReadPage, one after the other, into a page.
class PageReader {
 public:
  PageReader(int64_t topic_no, uint64_t from, const PageLimit& limit)
      : topic_no_(topic_no), limit_(limit), expected_(from) {}

  Result<LogPage> Read(Statement& rows) {
    JAMMI_ASSIGN(bool row, rows.Step());
    if (!row) return NoHead(topic_no_);
    page_.head = {static_cast<uint64_t>(rows.Int(0)), static_cast<uint64_t>(rows.Int(1))};
    if (expected_ < page_.head.low_water || expected_ >= page_.head.next_offset) return std::move(page_);
    const auto wanted = std::min<uint64_t>(page_.head.next_offset - expected_, static_cast<uint64_t>(limit_.events));
    page_.events.reserve(wanted);
    while (row && !rows.IsNull(2)) {
      const auto fits = Add(rows);
      if (!fits) return EndBefore(fits.error());
      if (!*fits) return Finish();
      JAMMI_ASSIGN(row, rows.Step());
    }
    if (page_.events.size() < wanted) return EndBefore(Damaged(topic_no_, expected_, "is missing"));
    return Finish();
  }

 private:
  // False: the page is full without this row.
  Result<bool> Add(Statement& row) {
    LogEvent event;
    event.offset = static_cast<uint64_t>(row.Int(2) - EventKey(topic_no_, 0));
    if (event.offset != expected_) return Damaged(topic_no_, expected_, "is missing");
    event.committed_at = row.Int(3);
    auto scope = Scope::FromKey(row.Text(4));
    if (!scope) return Damaged(topic_no_, event.offset, "has a malformed scope");
    event.scope = *scope;
    event.row_count = row.Int(5);
    event.checksum = std::bit_cast<uint64_t>(row.Int(6));
    Extent extent;
    if (!row.IsNull(7)) {
      const SqlBytes payload = row.Bytes(7);
      const auto length = static_cast<int64_t>(payload.size());
      if (!page_.events.empty() && bytes_ + length > limit_.bytes) return false;
      if (Checksum(payload) != event.checksum) return Damaged(topic_no_, event.offset, "has a wrong checksum");
      JAMMI_ASSIGN(extent, Copy(payload));
      bytes_ += length;
    }
    extents_.push_back(extent);
    page_.events.push_back(std::move(event));
    ++expected_;
    return true;
  }

  struct Extent {
    int64_t begin = -1;  // -1: none
    int64_t length = 0;
  };

  Result<Extent> Copy(SqlBytes payload) {
    const auto length = static_cast<int64_t>(payload.size());
    const int64_t begin = (used_ + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
    if (const int64_t needed = begin + length; buffer_ == nullptr) {
      auto made = arrow::AllocateResizableBuffer(needed);
      if (!made.ok()) return OutOfMemory(made.status());
      buffer_ = std::move(*made);
    } else if (needed > buffer_->size()) {
      const auto grown = buffer_->Resize(std::max(needed, 2 * buffer_->size()), /*shrink_to_fit=*/false);
      if (!grown.ok()) return OutOfMemory(grown);
    }
    if (length > 0) std::memcpy(buffer_->mutable_data() + begin, payload.data(), payload.size());
    used_ = begin + length;
    return Extent{begin, length};
  }

  // What stands before a damaged event can be read; the next page, which begins with it, says so.
  Result<LogPage> EndBefore(Error damaged) {
    if (page_.events.empty()) return damaged;
    return Finish();
  }

  // Only now does the buffer stay where it is.
  Result<LogPage> Finish() {
    if (buffer_ != nullptr) {
      if (const auto cut = buffer_->Resize(used_, /*shrink_to_fit=*/false); !cut.ok()) return OutOfMemory(cut);
      const std::shared_ptr<arrow::Buffer> whole = std::move(buffer_);
      for (size_t i = 0; i < extents_.size(); ++i) {
        if (extents_[i].begin < 0) continue;
        page_.events[i].payload = arrow::SliceBuffer(whole, extents_[i].begin, extents_[i].length);
      }
    }
    return std::move(page_);
  }

  const int64_t topic_no_;
  const PageLimit limit_;
  uint64_t expected_;
  int64_t bytes_ = 0;  // of payload
  int64_t used_ = 0;   // of the buffer
  std::unique_ptr<arrow::ResizableBuffer> buffer_;
  std::vector<Extent> extents_;
  LogPage page_;
};

Result<LogHead> ReadHeadOn(Connection& connection, int64_t topic_no) {
  JAMMI_ASSIGN(Statement head, connection.Prepare(kReadHead));
  JAMMI_TRY(head.Bind({topic_no}));
  JAMMI_ASSIGN(const bool row, head.Step());
  if (!row) return NoHead(topic_no);
  return LogHead{static_cast<uint64_t>(head.Int(0)), static_cast<uint64_t>(head.Int(1))};
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
    if (!row) return Damaged(topic_no, middle, "is missing");
    if (commit_time.Int(0) >= time) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

}  // namespace

void SqliteLog::AppendAsync(EventAppend event, Deadline deadline, Done done) {
  if (CallScope::IsInside(backend_, CallScope::Kind::kBody)) {
    done(RefuseReentry(backend_).error());
    return;
  }
  if (auto valid = CheckEvent(event); !valid) {
    done(std::move(valid).error());
    return;
  }
  auto work = std::make_unique<Work>();
  work->deadline = deadline;
  work->event = std::move(event);
  work->done = std::move(done);
  writer_.Submit(std::move(work));
}

Result<AppendOutcome> SqliteLog::Append(EventAppend event, Deadline deadline) {
  JAMMI_TRY(CheckEvent(event));
  Work work;
  work.deadline = deadline;
  work.event = std::move(event);
  JAMMI_TRY(writer_.RunAndWait(work));
  return work.appended;
}

Result<LogPage> SqliteLog::Read(int64_t topic_no, uint64_t from, const Scope& reader, const PageLimit& limit) {
  JAMMI_TRY(RefuseReentry(backend_));
  if (limit.events < 1) return Error(ErrorCode::kInvalidArgument, "a page of the log must hold one event at least");
  // Above every head, and the key still fits.
  const uint64_t start = std::min<uint64_t>(from, kOffsetLimit - 1);
  JAMMI_ASSIGN(const auto lease, readers_.Acquire(Deadline::Never()));
  JAMMI_ASSIGN(Statement rows, lease->Prepare(kReadPage));
  const std::string scope = reader.Key();
  JAMMI_TRY(rows.Bind({topic_no, static_cast<int64_t>(start), scope, limit.events}));
  return PageReader(topic_no, start, limit).Read(rows);
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
