// Lets work in until it is shut, and knows when the last one is out.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace jammi {

// Thread-safe.
class Gate {
 public:
  // False once Shut() has begun; else Leave() must follow.
  [[nodiscard]] bool Enter() {
    const std::lock_guard lock(mutex_);
    if (!shut_) ++inside_;
    return !shut_;
  }
  void Leave() {
    const std::lock_guard lock(mutex_);
    // Under the lock: whoever waits may destroy the gate as soon as it is released.
    if (--inside_ == 0 && shut_) empty_.notify_all();
  }
  // Lets nobody in any more, and returns when all are out. Not from inside.
  void Shut() {
    std::unique_lock lock(mutex_);
    shut_ = true;
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  bool shut_ = false;
  int64_t inside_ = 0;
};

// Inside as long as it lives.
class Pass {
 public:
  explicit Pass(Gate& gate) : gate_(gate.Enter() ? &gate : nullptr) {}
  ~Pass() {
    if (gate_ != nullptr) gate_->Leave();
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;
  explicit operator bool() const { return gate_ != nullptr; }

 private:
  Gate* gate_;
};

}  // namespace jammi
