#include "events/spool_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/callback.h"
#include "base/log.h"
#include "base/sync_point.h"
#include "events/crc32c.h"
#include "events/sink_error.h"

namespace jammi::events {
namespace fs = std::filesystem;

namespace {

constexpr int kMostYields = 64;
// Of batches that are used again.
constexpr size_t kSpareBatches = 4;
constexpr size_t kSpareBatchBytes = size_t{1} << 20;

}  // namespace

// --- open and close

SpoolLog::SpoolLog(const SpoolOptions& options, std::shared_ptr<Clock> clock, Disk& disk,
                   std::function<void()> on_append)
    : options_(options),
      clock_(std::move(clock)),
      disk_(disk),
      on_append_(std::move(on_append)),
      // So that dropping the oldest segment does not drop everything.
      segment_bytes_(std::min(options.segment_bytes, std::max<uint64_t>(options.max_bytes / 4, 1))) {}

Result<std::unique_ptr<SpoolLog>> SpoolLog::Open(const SpoolOptions& options, std::shared_ptr<Clock> clock,
                                                 Disk& disk, std::function<void()> on_append) {
  std::unique_ptr<SpoolLog> log(new SpoolLog(options, std::move(clock), disk, std::move(on_append)));
  JAMMI_TRY(log->Start());
  return log;
}

Result<void> SpoolLog::Start() {
  const fs::path& directory = options_.directory;
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return DiskError(errno, fmt::format("making {}", directory.string()));
  }
  JAMMI_ASSIGN(lock_file_, LockFile(directory / "lock", fmt::format("the spool {}", directory.string())));
  JAMMI_ASSIGN(SpoolContents contents, ReadSpool(directory, disk_));
  segments_ = std::move(contents.segments);
  skips_ = std::move(contents.skips);
  next_sequence_ = contents.next_sequence;
  cursor_ = contents.cursor;
  cursor_offset_ = contents.cursor_offset;
  for (const SpoolSegment& segment : segments_) {
    pending_events_ += segment.events;
    pending_bytes_ += segment.event_bytes;
  }
  oldest_ = contents.oldest;
  torn_bytes_ = contents.torn_bytes;
  damage_ = std::move(contents.damage);
  read_sequence_ = cursor_.sequence;
  read_offset_ = cursor_offset_;

  JAMMI_TRY(MakeCursorFile());
  if (contents.begin_segment) {
    JAMMI_TRY(BeginSegment(next_sequence_));
  } else {
    active_path_ = segments_.back().path;
    JAMMI_ASSIGN(File file, OpenFile(active_path_, O_WRONLY | O_APPEND));
    active_ = std::make_shared<File>(std::move(file));
    active_bytes_ = segments_.back().bytes;
    // What a killed program left in the kernel's hands counts as taken from here on.
    JAMMI_TRY(SyncActive());
  }
  const std::lock_guard lock(mutex_);
  Measure();
  flush_thread_ = std::jthread([this](const std::stop_token& stop) { Flush(stop); });
  return {};
}

Result<void> SpoolLog::MakeCursorFile() {
  const fs::path path = options_.directory / "cursor";
  JAMMI_ASSIGN(cursor_file_, OpenFile(path, O_RDWR | O_CREAT));
  if (ftruncate(cursor_file_.fd(), kCursorFileBytes) != 0) {
    return DiskError(errno, fmt::format("making {}", path.string()));
  }
  {
    std::unique_lock lock(mutex_);
    JAMMI_TRY(WriteCursor(lock));
  }
  return SyncDirectory(disk_, options_.directory);
}

void SpoolLog::Close() {
  std::unique_lock lock(mutex_);
  if (std::exchange(closed_, true)) return;
  room_.notify_all();
  idle_.wait(lock, [&] { return !leading_; });
  while (open_batch_) Lead(lock);
  const bool sync = unsynced_ && !failed_;
  unsynced_ = false;
  lock.unlock();
  flush_thread_.request_stop();
  if (flush_thread_.joinable()) flush_thread_.join();
  if (!sync) return;
  if (const auto synced = SyncActive(); !synced) {
    lock.lock();
    Fail(synced.error());
  }
}

SpoolLog::~SpoolLog() { Close(); }

// --- appending

Result<void> SpoolLog::Append(std::string_view body, Deadline room) {
  const uint32_t crc = Crc32c(body);
  std::unique_lock lock(mutex_);
  JAMMI_TRY(Admit(lock, kRecordHeaderBytes + body.size(), room));
  const auto batch = AddToBatch(body, crc);
  batch->awaited = true;
  while (!batch->settled()) {
    if (leading_) {
      const auto seen = batch->state.load();
      lock.unlock();
      AwaitChange(*batch, seen);
      if (batch->settled()) break;
      lock.lock();
    } else {
      Lead(lock);
    }
  }
  if (batch->state == Batch::State::kFailed) return *batch->error;
  return {};
}

// Waits until `batch` is no longer as it was seen, which is when it has its outcome or wants a leader. A
// write into the kernel's memory takes less than to fall asleep and to be woken: the others run meanwhile,
// and add to the next batch. No lock is taken, which all who are woken together would have to take in turns.
void SpoolLog::AwaitChange(const Batch& batch, Batch::State seen) const {
  if (options_.sync != SpoolSync::kEach) {
    for (int i = 0; i < kMostYields && batch.state == seen && leading_; ++i) std::this_thread::yield();
    if (!leading_) return;
  }
  batch.state.wait(seen);
}

void SpoolLog::AppendAsync(std::string_view body, EventSink::Done done) {
  const uint32_t crc = Crc32c(body);
  std::unique_lock lock(mutex_);
  if (auto admitted = Admit(lock, kRecordHeaderBytes + body.size(), Deadline::Now()); !admitted) {
    lock.unlock();
    return CallBack("the outcome of an event", done, std::move(admitted));
  }
  AddToBatch(body, crc)->dones.push_back(std::move(done));
  flusher_.notify_one();
}

Result<void> SpoolLog::Admit(std::unique_lock<std::mutex>& lock, size_t size, Deadline room) {
  const auto refused = [&] { return closed_ || failed_; };
  const auto ready = [&] { return refused() || HasRoom(size); };
  const bool had_room = HasRoom(size);
  if (options_.policy == FullPolicy::kDropOldest) {
    while (!refused() && !HasRoom(size) && DropOldestSegment(lock)) {
    }
  } else if (room.IsNever()) {
    room_.wait(lock, ready);
  } else if (!ready() && !room.Passed()) {
    room_.wait_until(lock, room.at(), ready);
  }
  if (refused()) return Refusal();
  losing_ = options_.policy == FullPolicy::kDropOldest ? !had_room : !HasRoom(size);
  if (!HasRoom(size)) {
    if (options_.metrics) options_.metrics->refused.Add();
    Measure();
    return SinkError(SinkFault::kSpillFull,
                     fmt::format("the spool {} holds {} bytes of {}", options_.directory.string(),
                                 pending_bytes_, options_.max_bytes));
  }
  return {};
}

Error SpoolLog::Refusal() const {
  if (!failed_) return SinkError(SinkFault::kClosed, "the spool is closed");
  return SinkError(SinkFault::kSpillFailed,
                   fmt::format("the spool takes nothing until it is opened again: {}", failed_->message()));
}

void SpoolLog::Batch::Clear() {
  bytes.clear();
  begins.clear();
  dones.clear();
  crcs.clear();
  times.clear();
  awaited = false;
  state = State::kOpen;
}

std::shared_ptr<SpoolLog::Batch> SpoolLog::NewBatch() {
  const auto unused =
      std::ranges::find_if(spare_batches_, [](const auto& each) { return each.use_count() == 1; });
  if (unused == spare_batches_.end()) return std::make_shared<Batch>();
  auto batch = std::move(*unused);
  spare_batches_.erase(unused);
  batch->Clear();
  return batch;
}

std::shared_ptr<SpoolLog::Batch> SpoolLog::AddToBatch(std::string_view body, uint32_t crc) {
  if (!open_batch_) open_batch_ = NewBatch();
  Batch& batch = *open_batch_;
  batch.begins.push_back(batch.bytes.size());
  batch.crcs.push_back(crc);
  batch.times.push_back(clock_->Now());
  batch.bytes.append(kRecordHeaderBytes, '\0');
  batch.bytes.append(body);
  ++pending_events_;
  pending_bytes_ += kRecordHeaderBytes + body.size();
  if (options_.metrics) options_.metrics->spool_event_bytes.Record(body.size());
  if (batch.begins.size() == company_wanted_) company_.notify_one();
  return open_batch_;
}

// Those who shared the last sync come back one after another; who leads too early syncs for himself alone,
// and they wait for another sync. So the leader gives them an eighth of the time that one takes.
void SpoolLog::AwaitCompany(std::unique_lock<std::mutex>& lock) {
  if (options_.sync != SpoolSync::kEach || open_batch_->begins.size() >= company_expected_ || closed_) return;
  company_wanted_ = company_expected_;
  company_.wait_for(lock, last_sync_ / 8, [&] { return open_batch_->begins.size() >= company_wanted_; });
  company_wanted_ = 0;
}

// Writes the open batch, for all who have added to it.
void SpoolLog::Lead(std::unique_lock<std::mutex>& lock) {
  leading_ = true;
  AwaitCompany(lock);
  const auto batch = std::exchange(open_batch_, nullptr);
  lock.unlock();
  JAMMI_SYNC_POINT("events.spool.leading");
  auto written = WriteBatch(*batch);
  lock.lock();
  const size_t events = batch->begins.size();
  if (written) {
    if (oldest_ == 0) oldest_ = batch->times.front();
    next_sequence_ += events;
    SpoolSegment& segment = segments_.back();
    segment.bytes = active_bytes_;
    segment.events += events;
    segment.event_bytes += batch->bytes.size();
    unsynced_ = options_.sync != SpoolSync::kEach;
  } else {
    pending_events_ -= events;
    pending_bytes_ -= batch->bytes.size();
    batch->error = written.error();
    losing_ = true;
  }
  batch->state = written ? Batch::State::kTaken : Batch::State::kFailed;
  batch->state.notify_all();
  leading_ = false;
  company_expected_ = events + (open_batch_ ? open_batch_->begins.size() : 0);
  Measure();
  idle_.notify_all();
  if (open_batch_) AskForLeader(*open_batch_);
  lock.unlock();
  for (auto& done : batch->dones) CallBack("the outcome of an event", done, Result<void>(written));
  batch->dones.clear();  // with what they hold
  if (written) on_append_();
  lock.lock();
  if (written && batch->bytes.capacity() <= kSpareBatchBytes && spare_batches_.size() < kSpareBatches)
    spare_batches_.push_back(batch);
}

// Of one of those who wait for it, or else of the flusher.
void SpoolLog::AskForLeader(Batch& batch) {
  if (!batch.awaited) return flusher_.notify_one();
  batch.state = Batch::State::kLeaderless;
  batch.state.notify_one();
}

Result<void> SpoolLog::WriteBatch(Batch& batch) {
  {
    const std::lock_guard lock(mutex_);
    if (failed_) return Refusal();
  }
  // Only the leader changes it.
  uint64_t sequence = next_sequence_;
  if (active_bytes_ >= segment_bytes_) {
    JAMMI_TRY(SyncActive());
    JAMMI_TRY(BeginSegment(sequence));
  }
  for (size_t i = 0; i < batch.begins.size(); ++i) {
    const size_t end = i + 1 < batch.begins.size() ? batch.begins[i + 1] : batch.bytes.size();
    WriteRecordHeader(batch.bytes.data() + batch.begins[i], sequence++,
                      end - batch.begins[i] - kRecordHeaderBytes, batch.crcs[i], batch.times[i]);
  }
  if (auto written = WriteAll(disk_, *active_, batch.bytes, active_path_); !written) {
    // Else the next record would stand behind half of one.
    if (ftruncate(active_->fd(), static_cast<off_t>(active_bytes_)) != 0) {
      const std::lock_guard lock(mutex_);
      Fail(DiskError(errno, fmt::format("cutting {}", active_path_.string())));
    }
    return std::move(written).error();
  }
  if (options_.sync == SpoolSync::kEach) {
    JAMMI_TRY(SyncActive());
    if (options_.metrics) options_.metrics->spool_sync_events.Record(batch.begins.size());
  }
  active_bytes_ += batch.bytes.size();
  return {};
}

Result<void> SpoolLog::SyncActive() {
  const auto begun = std::chrono::steady_clock::now();
  const auto synced = SyncFile(disk_, *active_, active_path_);
  const auto took =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - begun);
  if (options_.metrics) options_.metrics->spool_sync_us.Record(static_cast<uint64_t>(took.count()));
  last_sync_ = took;
  if (synced) return {};
  // The kernel may have dropped what it could not write; a second try would say that all is well.
  Error error(ErrorCode::kOutcomeUnknown, synced.error().message(), synced.error().detail());
  const std::lock_guard lock(mutex_);
  Fail(error);
  return error;
}

Result<void> SpoolLog::BeginSegment(uint64_t first) {
  const fs::path path = options_.directory / SegmentName(first);
  const auto make = [&]() -> Result<File> {
    JAMMI_ASSIGN(File file, OpenFile(path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC));
    JAMMI_TRY(WriteAll(disk_, file, SegmentHeader(first), path));
    JAMMI_TRY(SyncFile(disk_, file, path));
    JAMMI_TRY(SyncDirectory(disk_, options_.directory));
    return file;
  };
  auto file = make();
  if (!file) {
    unlink(path.c_str());
    return std::move(file).error();
  }
  const std::lock_guard lock(mutex_);
  active_ = std::make_shared<File>(std::move(*file));
  active_path_ = path;
  active_bytes_ = kSegmentHeaderBytes;
  segments_.push_back({.first = first, .bytes = kSegmentHeaderBytes, .path = path});
  return {};
}

void SpoolLog::Fail(const Error& error) {
  if (failed_) return;
  failed_ = error;
  Log(LogLevel::kError, "events: the spool {} takes nothing until it is opened again: {}",
      options_.directory.string(), error.message());
  Measure();
  room_.notify_all();
}

// Leads where nobody waits, and syncs every interval.
void SpoolLog::Flush(const std::stop_token& stop) {
  const auto wanted = [&] { return open_batch_ && !leading_; };
  const bool syncs = options_.sync == SpoolSync::kInterval;
  auto next_sync = std::chrono::steady_clock::now() + options_.sync_interval;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (syncs) {
      flusher_.wait_until(lock, stop, next_sync, wanted);
    } else {
      flusher_.wait(lock, stop, wanted);
    }
    if (wanted()) Lead(lock);
    if (!syncs || std::chrono::steady_clock::now() < next_sync) continue;
    if (std::exchange(unsynced_, false) && !failed_) {
      const auto file = active_;  // those before it were synced when they were full
      lock.unlock();
      const auto synced = SyncFile(disk_, *file, options_.directory);
      lock.lock();
      if (!synced) Fail(synced.error());
    }
    next_sync = std::chrono::steady_clock::now() + options_.sync_interval;
  }
}

}  // namespace jammi::events
