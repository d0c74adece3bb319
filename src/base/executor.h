// A few threads and a queue: work is started in the order in which it was posted.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace jammi {

// Thread-safe. The last reference must not die on one of its own threads.
class Executor {
 public:
  using Task = std::move_only_function<void()>;

  explicit Executor(int threads);
  ~Executor() { Stop(); }
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;

  // False once Stop() has begun: the task was not taken, and will not run.
  bool Post(Task task);

  // Runs what was taken, ends the threads, returns. Idempotent. Not from one of its own tasks.
  void Stop();

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Task> queue_;
  bool stopping_ = false;
  std::mutex stop_mutex_;  // one Stop() joins, the others wait for it
  std::vector<std::thread> threads_;
};

}  // namespace jammi
