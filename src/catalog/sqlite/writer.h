// The one writer of a catalog file: a queue, and groups of what waits in it.
//
// One thread at a time holds the writer: it alone uses the writer connection. That is the writer's own
// thread or, when nobody needs it, a caller that waits for its outcome anyway and runs the group in
// place, which saves two changes of thread. A caller never runs a group that holds an event somebody
// else appended asynchronously, so `done` always runs on the writer's thread.
//
// Callbacks run while the writer is held and no mutex is: so they come in commit order. They may append
// asynchronously; whatever would wait is refused.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/sqlite/connection.h"
#include "catalog/sqlite/doorbell.h"
#include "catalog/sqlite/group_policy.h"
#include "catalog/sqlite/group_runner.h"
#include "catalog/sqlite/work.h"
#include "catalog/statistics.h"

namespace jammi::sqlite {

// Thread-safe.
class Writer {
 public:
  using OpenFn = std::function<Result<std::unique_ptr<Connection>>()>;
  // `open` makes a writer connection, now and after an I/O error. `backend` is what bodies must not call.
  Writer(const SqliteOptions& options, const void* backend, Statistics& statistics, OpenFn open);
  ~Writer();

  [[nodiscard]] Result<void> Start();
  // Refuses new work, lets what waits complete, ends the thread, closes the connection.
  void Close();

  // Set before the first append.
  void SetListener(EventLog::Listener listener);
  // Called, with no lock held, when the write-ahead log has grown to so many frames.
  void SetOnWalGrowth(std::function<void(int64_t frames)> fn) { on_wal_growth_ = std::move(fn); }

  // Waits until the work has its outcome; returns it.
  Result<void> RunAndWait(Work& work);
  // Takes the work over; its `done` tells the outcome. Never waits: a full queue is an error at once.
  void Submit(std::unique_ptr<Work> work);

  // Runs `fn` with the writer held, between two groups; nobody else writes meanwhile.
  // Errors: kUnavailable when closed; those of `fn`.
  Result<void> RunExclusive(const std::function<Result<void>(Connection&)>& fn);

  [[nodiscard]] Result<void> CheckOpen();
  [[nodiscard]] uint64_t queue_depth();

 private:
  enum class State { kOpen, kReopening, kClosed };
  static constexpr size_t kLanes = 3;
  static constexpr size_t kBells = 16;

  WorkList& lane(Lane which) { return lanes_[static_cast<size_t>(which)]; }
  // ...Locked: mutex_ is held.
  [[nodiscard]] Result<void> CheckOpenLocked() const;
  [[nodiscard]] bool HasWorkLocked() const { return waiting_ > 0; }
  [[nodiscard]] bool IsGroupCompleteLocked() const;
  void PushLocked(Work& work);
  void RemoveLocked(Work& work);
  [[nodiscard]] Result<void> WaitForRoomLocked(std::unique_lock<std::mutex>& lock, Deadline deadline);
  void TakeGroupLocked();
  void ReleaseLocked();

  void WriterThread();
  void AwaitStragglers(std::unique_lock<std::mutex>& lock);
  void RunGroup(const Work* own);
  void Reopen();
  void FailQueueUnlessOpen();
  void Deliver();
  void Tell(Work& work);
  void Finish(const Work* own);
  void Await(Work& work);

  const SqliteOptions options_;
  const void* const backend_;
  Statistics& statistics_;
  const OpenFn open_;
  EventLog::Listener listener_;
  std::function<void(int64_t)> on_wal_growth_;
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable wake_writer_;  // the writer's thread: there is work, or the writer is free
  std::condition_variable room_;         // callers that wait for room in the queue
  std::condition_variable released_;     // RunExclusive: the writer is free
  State state_ = State::kClosed;
  std::array<WorkList, kLanes> lanes_;
  int64_t waiting_ = 0;           // works in all lanes
  int64_t waiting_callers_ = 0;   // of them those that a caller waits for, bulk aside
  int64_t waiting_async_ = 0;     // of them those nobody waits for
  int64_t waiting_bytes_ = 0;     // of payload
  int64_t waiting_for_room_ = 0;  // callers that are not in the queue yet
  GroupPolicy policy_;
  int64_t exclusive_waiting_ = 0;
  bool held_ = false;              // somebody holds the writer
  bool bulk_passed_over_ = false;  // a bulk body has let one group go first
  bool thread_is_alert_ = false;   // the writer's thread looks at the queue by itself
  size_t bell_ = 0;                // of the works that are queued now
  std::array<Doorbell, kBells> bells_;

  // Used by the one who holds the writer.
  std::unique_ptr<Connection> connection_;
  GroupRunner runner_;
  std::vector<Work*> group_;
  std::vector<Work*> not_run_;  // their outcome is an error
  std::vector<CommittedEvent> committed_;
  GroupPolicy::Duration took_{};  // the group, from BEGIN to COMMIT
};

}  // namespace jammi::sqlite
