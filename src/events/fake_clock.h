// A clock for tests that stands still but for the pauses that are taken on it.
#pragma once

#include <mutex>
#include <vector>

#include "jammi/events/retry.h"

namespace jammi::events::test {

// Thread-safe.
class FakeClock final : public PauseClock {
 public:
  using Milliseconds = std::chrono::milliseconds;

  [[nodiscard]] TimePoint Now() const override {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  void Sleep(std::chrono::nanoseconds pause, const std::stop_token& /*stop*/) override {
    const std::lock_guard lock(mutex_);
    now_ += pause;
    pauses_.push_back(std::chrono::duration_cast<Milliseconds>(pause));
  }
  void Advance(std::chrono::nanoseconds by) {
    const std::lock_guard lock(mutex_);
    now_ += by;
  }
  // Since the clock was made.
  [[nodiscard]] Milliseconds elapsed() const {
    return std::chrono::duration_cast<Milliseconds>(Now() - kStart);
  }
  [[nodiscard]] std::vector<Milliseconds> pauses() const {
    const std::lock_guard lock(mutex_);
    return pauses_;
  }

 private:
  static constexpr TimePoint kStart{std::chrono::hours(1)};
  mutable std::mutex mutex_;
  TimePoint now_ = kStart;
  std::vector<Milliseconds> pauses_;
};

}  // namespace jammi::events::test
