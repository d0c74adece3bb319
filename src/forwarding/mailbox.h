// What sinks tell of events, from their threads to the forwarder's.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "jammi/result.h"

namespace jammi {

struct SendOutcome {
  int64_t topic_no = 0;
  uint64_t attachment = 0;  // of the topic; an outcome may come when there is another
  uint64_t id = 0;          // in its queue
  Result<void> result;
};

// Thread-safe; shared with the callbacks that wait in a sink, which may outlive the forwarder.
class Mailbox {
 public:
  using Time = std::chrono::steady_clock::time_point;

  void Post(SendOutcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
    }
    changed_.notify_one();
  }
  // Take() returns soon.
  void Wake() {
    {
      const std::lock_guard lock(mutex_);
      woken_ = true;
    }
    changed_.notify_one();
  }
  // What has come; waits until something does, Wake() is called, or `until`.
  [[nodiscard]] std::vector<SendOutcome> Take(Time until) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, until, [this] { return woken_ || !outcomes_.empty(); });
    woken_ = false;
    return std::exchange(outcomes_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<SendOutcome> outcomes_;
  bool woken_ = false;
};

}  // namespace jammi
