// Commits what callers append: what waits shares a transaction.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "catalog/catalog.h"
#include "catalog/event_log.h"
#include "catalog/postgres/committer.h"
#include "catalog/statistics.h"

namespace jammi::postgres {

// One connection and one thread: while a group commits, the next one gathers. Thread-safe.
class Appender {
 public:
  using OpenFn = Committer::OpenFn;
  Appender(const PostgresOptions& options, const void* backend, Statistics& statistics, Committer& committer,
           HeadPlaces& places, OpenFn open);
  ~Appender() { Close(); }
  Appender(const Appender&) = delete;
  Appender& operator=(const Appender&) = delete;

  void Start();
  // Refuses new work, lets what waits complete, ends the thread. Idempotent.
  void Close();

  // As EventLog::AppendAsync; `done` is called by this call only with errors that are known at once.
  void Submit(AppendRequest request, Deadline deadline, EventLog::Done done);
  // As EventLog::Append. Errors: also kInvalidState.
  [[nodiscard]] Result<AppendOutcome> SubmitAndWait(AppendRequest request, Deadline deadline);

  [[nodiscard]] uint64_t queue_depth();

 private:
  struct Work {
    AppendRequest request;
    Deadline deadline;
    EventLog::Done done;
    int64_t bytes = 0;
    std::chrono::steady_clock::time_point submitted = std::chrono::steady_clock::now();
    AppendOutcome appended{};
  };
  using Group = std::vector<std::unique_ptr<Work>>;

  // ...Locked: mutex_ is held.
  [[nodiscard]] Result<void> WaitForRoomLocked(std::unique_lock<std::mutex>& lock, Deadline deadline);
  Work* PushLocked(AppendRequest request, Deadline deadline, EventLog::Done done);
  [[nodiscard]] bool RemoveLocked(const Work* work);
  [[nodiscard]] Group TakeGroupLocked(Group& expired);

  void Loop();
  void GiveUpWaiting(const Error& error);
  void RunGroup(Group& group);
  [[nodiscard]] Result<void> RunWithRetries(std::span<std::unique_ptr<Work>> group);
  [[nodiscard]] Result<void> Attempt(std::span<std::unique_ptr<Work>> group);
  [[nodiscard]] Result<void> EnsureConnection();
  void Finish(Work& work, Result<AppendOutcome> outcome);

  const PostgresOptions& options_;
  const void* const backend_;
  Statistics& statistics_;
  Committer& committer_;
  HeadPlaces& places_;
  const OpenFn open_;
  std::unique_ptr<Connection> connection_;  // of the thread
  std::thread thread_;

  std::mutex mutex_;
  std::condition_variable work_;  // the thread: there is work, or it is to end
  std::condition_variable room_;  // callers that wait for room in the queue
  std::deque<std::unique_ptr<Work>> queue_;
  bool closed_ = true;
};

}  // namespace jammi::postgres
