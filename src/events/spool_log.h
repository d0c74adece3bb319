// The files of a spool: who appends shares writes and syncs with those who come at the same time; one reader
// follows, and says what is delivered.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "events/disk.h"
#include "events/spool_reader.h"
#include "jammi/clock.h"
#include "jammi/events/sink.h"
#include "jammi/events/spool.h"
#include "jammi/result.h"

namespace jammi::events {

struct SpoolRecord {
  uint64_t sequence = 0;
  uint64_t size = 0;        // of the record on disk
  uint64_t end_offset = 0;  // in its segment
  UnixMicros appended_at = 0;
  std::string body;
};

// Append() and AppendAsync() are thread-safe, and so are the rest with them; the reader's part is for one
// thread at a time.
class SpoolLog {
 public:
  // `on_append`: called when there is something new to read; short.
  [[nodiscard]] static Result<std::unique_ptr<SpoolLog>> Open(const SpoolOptions& options,
                                                              std::shared_ptr<Clock> clock, Disk& disk,
                                                              std::function<void()> on_append);
  ~SpoolLog();
  SpoolLog(const SpoolLog&) = delete;
  SpoolLog& operator=(const SpoolLog&) = delete;

  // Returns when `body` is as durable as `sync` says. Waits for room until `room`.
  // Errors: those of SpoolSink.
  [[nodiscard]] Result<void> Append(std::string_view body, Deadline room);
  // The same without waiting.
  void AppendAsync(std::string_view body, EventSink::Done done);

  // --- the reader's part

  // The next record; nullopt: there is none yet. Errors: kDataLoss: it is not what was appended; the log is
  // of no use any more until it is opened again.
  [[nodiscard]] Result<std::optional<SpoolRecord>> Next();
  // That record and all before it are delivered. In the order of Next().
  void Delivered(const SpoolRecord& record);
  // Writes down how far that is, and removes the segments before it.
  [[nodiscard]] Result<void> SaveCursor();

  // --- anybody's

  // Syncs what is appended and takes nothing more; everyone has an answer when this returns.
  void Close();
  // Lets another process open the folder. REQUIRES: Close()
  void Release() { lock_file_ = File(); }
  // Sequence of the next record to be appended.
  [[nodiscard]] uint64_t end() const;
  // Whether nothing before `sequence` waits to be delivered.
  [[nodiscard]] bool DeliveredBefore(uint64_t sequence) const;
  void DescribeTo(SpoolStatus* status) const;

 private:
  // What is written and synced together.
  struct Batch {
    // kLeaderless: nobody writes, and one of those who wait has been woken to. Of the size that a futex has.
    enum class State : int { kOpen, kLeaderless, kTaken, kFailed };
    void Clear();
    [[nodiscard]] bool settled() const { return state >= State::kTaken; }

    std::string bytes;           // records, their headers without sequences
    std::vector<size_t> begins;  // of the records
    std::vector<EventSink::Done> dones;
    std::vector<uint32_t> crcs;
    std::vector<UnixMicros> times;
    bool awaited = false;  // one who waits for it leads, if nobody does
    std::atomic<State> state = State::kOpen;
    std::optional<Error> error;  // kFailed
  };

  SpoolLog(const SpoolOptions& options, std::shared_ptr<Clock> clock, Disk& disk,
           std::function<void()> on_append);
  Result<void> Start();
  Result<void> MakeCursorFile();

  // With `mutex_` held:
  Result<void> Admit(std::unique_lock<std::mutex>& lock, size_t size, Deadline room);
  [[nodiscard]] bool HasRoom(size_t size) const { return pending_bytes_ + size <= options_.max_bytes; }
  bool DropOldestSegment(std::unique_lock<std::mutex>& lock);
  std::shared_ptr<Batch> AddToBatch(std::string_view body, uint32_t crc);
  std::shared_ptr<Batch> NewBatch();
  void Lead(std::unique_lock<std::mutex>& lock);
  void AskForLeader(Batch& batch);
  void AwaitCompany(std::unique_lock<std::mutex>& lock);
  void Fail(const Error& error);
  [[nodiscard]] Error Refusal() const;
  SpoolSegment& SegmentOf(uint64_t sequence);
  bool FindNext();
  void PopSegment();
  Result<void> WriteCursor(std::unique_lock<std::mutex>& lock);
  void Measure();

  // Without the lock:
  void AwaitChange(const Batch& batch, Batch::State seen) const;

  // Of the leader, without the lock:
  Result<void> WriteBatch(Batch& batch);
  Result<void> BeginSegment(uint64_t first);
  Result<void> SyncActive();

  void Flush(const std::stop_token& stop);

  const SpoolOptions options_;
  const std::shared_ptr<Clock> clock_;
  Disk& disk_;
  const std::function<void()> on_append_;
  const uint64_t segment_bytes_;
  File lock_file_;

  // The leader's: whoever has set `leading_`.
  std::shared_ptr<File> active_;
  std::filesystem::path active_path_;
  uint64_t active_bytes_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable idle_;            // nobody leads
  std::condition_variable room_;            // something was delivered
  std::condition_variable_any flusher_;     // there is work for the flusher
  std::condition_variable company_;         // as many have come as the leader waits for
  std::atomic<bool> leading_ = false;       // changed with the lock
  size_t company_wanted_ = 0;               // events; 0: the leader does not wait
  size_t company_expected_ = 0;             // events of the last batch, and of those who came meanwhile
  std::chrono::microseconds last_sync_{0};  // how long it took
  bool closed_ = false;
  std::shared_ptr<Batch> open_batch_;
  std::vector<std::shared_ptr<Batch>> spare_batches_;  // used again when nobody waits for them any more
  bool unsynced_ = false;
  std::optional<Error> failed_;  // for good
  bool losing_ = false;          // the last event was refused, or another one dropped for it
  std::deque<SpoolSegment> segments_;
  std::vector<std::filesystem::path> delivered_;  // segments to be removed
  std::map<uint64_t, SpoolSkip> skips_;
  uint64_t next_sequence_ = 0;
  Cursor cursor_;               // `sequence`: of the first that is not delivered
  uint64_t cursor_offset_ = 0;  // in the first segment
  uint64_t saved_sequence_ = 0;
  uint64_t pending_events_ = 0;  // that are not delivered, also such as are being appended
  uint64_t pending_bytes_ = 0;
  UnixMicros oldest_ = 0;
  uint64_t torn_bytes_ = 0;
  std::vector<SpoolDamage> damage_;

  std::mutex cursor_mutex_;  // taken after `mutex_`, if both
  File cursor_file_;
  uint64_t written_generation_ = 0;

  // The reader's.
  uint64_t read_sequence_ = 0;
  uint64_t read_offset_ = 0;
  uint64_t reader_first_ = 0;  // the segment that `reader_` reads
  std::optional<SegmentReader> reader_;

  std::jthread flush_thread_;
};

}  // namespace jammi::events
