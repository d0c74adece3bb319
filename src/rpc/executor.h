// Threads for the calls that wait: for the database or a disk. The queue is bounded, and it is shared out: a
// lane that fills it does not hold up the others.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

namespace jammi {

// Thread-safe.
class RpcExecutor {
 public:
  using Task = std::move_only_function<void()>;

  RpcExecutor(size_t threads, size_t max_waiting);
  // Shutdown().
  ~RpcExecutor();
  RpcExecutor(const RpcExecutor&) = delete;
  RpcExecutor& operator=(const RpcExecutor&) = delete;

  // The tasks of a lane begin in order; of several lanes one task each, in turn. False: the queue is full, or
  // it was shut down, and `task` will not run. While it is full, a lane that has less than its share of the
  // queue still gets a place.
  [[nodiscard]] bool Submit(uint64_t lane, Task task);

  // Runs what was submitted, then ends the threads. Idempotent; not from a task.
  void Shutdown();

  [[nodiscard]] size_t waiting() const;

 private:
  void Run();

  const size_t max_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_ = false;
  size_t waiting_ = 0;
  std::unordered_map<uint64_t, std::deque<Task>> lanes_;  // none is empty
  std::deque<uint64_t> turns_;                            // each lane once
  std::mutex shutdown_;                                   // one at a time; the second waits for the first
  std::vector<std::thread> threads_;
};

}  // namespace jammi
