// The reader's part of the log of a spool, and the cursor.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/sync_point.h"
#include "events/spool_log.h"

namespace jammi::events {

SpoolSegment& SpoolLog::SegmentOf(uint64_t sequence) {
  const auto found = std::ranges::find_if(segments_.rbegin(), segments_.rend(),
                                          [&](const SpoolSegment& each) { return each.first <= sequence; });
  return found != segments_.rend() ? *found : segments_.front();
}

// Where the next record is; false: there is none.
bool SpoolLog::FindNext() {
  if (read_sequence_ < cursor_.sequence) {  // the rest of its segment was dropped
    read_sequence_ = cursor_.sequence;
    read_offset_ = cursor_offset_;
  }
  for (auto skip = skips_.find(read_sequence_); skip != skips_.end(); skip = skips_.find(read_sequence_)) {
    read_sequence_ = skip->second.sequence;
    read_offset_ = skip->second.offset;
  }
  return read_sequence_ < next_sequence_;
}

Result<std::optional<SpoolRecord>> SpoolLog::Next() {
  std::unique_lock lock(mutex_);
  if (failed_ && failed_->code() == ErrorCode::kDataLoss) return *failed_;
  if (!FindNext()) return std::optional<SpoolRecord>();
  const SpoolSegment segment = SegmentOf(read_sequence_);
  lock.unlock();
  if (!reader_ || reader_first_ != segment.first) {
    auto opened = SegmentReader::Open(segment.path);
    if (!opened) {
      lock.lock();
      if (read_sequence_ < cursor_.sequence) return std::optional<SpoolRecord>();  // dropped just now
      return std::move(opened).error();
    }
    reader_ = std::move(*opened);
    reader_first_ = segment.first;
  }
  if (read_sequence_ == segment.first) read_offset_ = kSegmentHeaderBytes;
  JAMMI_ASSIGN(const RecordView view, reader_->At(read_offset_, read_sequence_, segment.bytes));
  if (view.state != RecordState::kWhole) {
    Error error(
        ErrorCode::kDataLoss,
        fmt::format("{} was changed at byte {} after it was written", segment.path.string(), read_offset_),
        SinkDetail{.fault = SinkFault::kSpillFailed});
    lock.lock();
    Fail(error);
    return error;
  }
  read_offset_ += view.size;
  return SpoolRecord{.sequence = read_sequence_++,
                     .size = view.size,
                     .end_offset = read_offset_,
                     .appended_at = view.appended_at,
                     .body = std::string(view.body)};
}

void SpoolLog::Delivered(const SpoolRecord& record) {
  const std::lock_guard lock(mutex_);
  if (record.sequence < cursor_.sequence) return;  // dropped meanwhile
  cursor_.sequence = record.sequence + 1;
  cursor_offset_ = record.end_offset;
  SpoolSegment& segment = SegmentOf(record.sequence);
  --segment.events;
  segment.event_bytes -= record.size;
  --pending_events_;
  pending_bytes_ -= record.size;
  oldest_ = cursor_.sequence == next_sequence_ ? 0 : record.appended_at;
  while (segments_.size() > 1 && segments_[1].first <= cursor_.sequence) PopSegment();
  Measure();
  room_.notify_all();
}

void SpoolLog::PopSegment() {
  delivered_.push_back(segments_.front().path);
  segments_.pop_front();
  cursor_offset_ = kSegmentHeaderBytes;
}

Result<void> SpoolLog::SaveCursor() {
  std::unique_lock lock(mutex_);
  if (cursor_.sequence == saved_sequence_ && delivered_.empty()) return {};
  return WriteCursor(lock);
}

// Lets go of the lock while it writes.
Result<void> SpoolLog::WriteCursor(std::unique_lock<std::mutex>& lock) {
  ++cursor_.generation;
  const Cursor cursor = cursor_;
  const auto delivered = std::exchange(delivered_, {});
  lock.unlock();
  const auto write = [&]() -> Result<void> {
    const std::lock_guard writing(cursor_mutex_);
    if (cursor.generation < written_generation_) return {};  // a later one is there
    const auto path = options_.directory / "cursor";
    if (lseek(cursor_file_.fd(), static_cast<off_t>(kCursorSlotAt[cursor.generation % 2]), SEEK_SET) < 0) {
      return DiskError(errno, fmt::format("writing {}", path.string()));
    }
    JAMMI_TRY(WriteAll(disk_, cursor_file_, CursorSlot(cursor), path));
    JAMMI_TRY(SyncFile(disk_, cursor_file_, path));
    written_generation_ = cursor.generation;
    return {};
  };
  auto written = write();
  JAMMI_SYNC_POINT("events.spool.cursor_saved");
  // Only what the cursor on disk has passed may go.
  if (written) {
    for (const auto& path : delivered) unlink(path.c_str());
  }
  lock.lock();
  if (written) {
    saved_sequence_ = std::max(saved_sequence_, cursor.sequence);
  } else {
    delivered_.insert(delivered_.begin(), delivered.begin(), delivered.end());
  }
  return written;
}

// The last segment stays: it is being written.
bool SpoolLog::DropOldestSegment(std::unique_lock<std::mutex>& lock) {
  if (segments_.size() < 2) return false;
  const SpoolSegment& oldest = segments_.front();
  Log(LogLevel::kWarning, "events: the spool {} is full: {} events are dropped", options_.directory.string(),
      oldest.events);
  if (options_.metrics) options_.metrics->dropped.Add(oldest.events);
  pending_events_ -= oldest.events;
  pending_bytes_ -= oldest.event_bytes;
  cursor_.sequence = segments_[1].first;
  PopSegment();
  Measure();
  IgnoreError(WriteCursor(lock), "it is written again with the next one");
  return true;
}

uint64_t SpoolLog::end() const {
  const std::lock_guard lock(mutex_);
  return next_sequence_;
}

bool SpoolLog::DeliveredBefore(uint64_t sequence) const {
  const std::lock_guard lock(mutex_);
  return cursor_.sequence >= sequence || segments_.empty() ||
         std::ranges::all_of(segments_, [](const SpoolSegment& each) { return each.events == 0; });
}

void SpoolLog::DescribeTo(SpoolStatus* status) const {
  const std::lock_guard lock(mutex_);
  status->events = pending_events_;
  status->bytes = pending_bytes_;
  status->torn_bytes = torn_bytes_;
  status->damage = damage_;
  if (failed_ || losing_ || !damage_.empty()) status->health = SinkHealth::kLosing;
}

void SpoolLog::Measure() {
  if (!options_.metrics) return;
  Metrics& metrics = *options_.metrics;
  metrics.spool_events.Set(static_cast<int64_t>(pending_events_));
  metrics.spool_bytes.Set(static_cast<int64_t>(pending_bytes_));
  metrics.spool_oldest.Set(oldest_);
}

}  // namespace jammi::events
