// Trying again: how long between two tries, on a clock that a test can move.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <type_traits>

#include "jammi/result.h"

namespace jammi::events {

// The monotonic clock, and pauses on it. Thread-safe.
class PauseClock {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  virtual ~PauseClock() = default;
  [[nodiscard]] virtual TimePoint Now() const = 0;
  // Returns after `pause`, or as soon as `stop` is requested.
  virtual void Sleep(std::chrono::nanoseconds pause, const std::stop_token& stop) = 0;
  // The machine's; one instance per process.
  [[nodiscard]] static std::shared_ptr<PauseClock> System();
};

// The pause after the try number `failed` (0 = the first): 100 ms × 4^failed; the factor stops at 2^32 - 1.
[[nodiscard]] std::chrono::milliseconds RetryPause(uint32_t failed);

// Calls `fn` until it succeeds, `max_attempts` times at most (0 is taken for 1), with RetryPause() between
// two calls and none after the last. Every error is tried again. Returns the first success, or the last
// error.
template <class Fn>
std::invoke_result_t<Fn&> WithRetry(uint32_t max_attempts, Fn fn, PauseClock& clock = *PauseClock::System()) {
  for (uint32_t failed = 0;; ++failed) {
    auto result = fn();
    if (result || failed + 1 >= max_attempts) return result;
    clock.Sleep(RetryPause(failed), {});
  }
}

}  // namespace jammi::events
