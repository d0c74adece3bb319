// Threads for the calls that wait: for the database or a disk. The queue is bounded. It is shared out, and so
// are the threads: a lane that fills the queue, or whose tasks take long, does not hold up the others.
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

  // The tasks of a lane begin in order; of several lanes one task each, in turn. A lane of which n run begins
  // another one only while more than n threads are free: so alone it gets half of the threads, rounded up,
  // two lanes get a third each, and who comes next finds one free. False: the queue is full, or it was shut
  // down, and `task` will not run. While it is full, a lane that has less than its share of the queue still
  // gets a place.
  [[nodiscard]] bool Submit(uint64_t lane, Task task);

  // Runs what was submitted, then ends the threads. Idempotent; not from a task.
  void Shutdown();

  [[nodiscard]] size_t waiting() const;
  [[nodiscard]] size_t running() const;

 private:
  struct Lane {
    std::deque<Task> waiting;
    size_t running = 0;
  };
  using Turns = std::deque<uint64_t>;

  void Run();
  // The first that may begin a task; end(): none may. Under mutex_, as the others.
  [[nodiscard]] Turns::iterator Next();
  [[nodiscard]] Task Begin(Turns::iterator turn);
  void End(uint64_t lane);

  const size_t all_threads_;
  const size_t max_waiting_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool shut_ = false;
  size_t waiting_ = 0;
  size_t running_ = 0;
  std::unordered_map<uint64_t, Lane> lanes_;  // each has a task that waits or runs
  Turns turns_;                               // those of which one waits, each once
  std::mutex shutdown_;                       // one at a time; the second waits for the first
  std::vector<std::thread> threads_;
};

}  // namespace jammi
