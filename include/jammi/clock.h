// Time is passed in, so that a test can move it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>

namespace jammi {

// Microseconds since 1970-01-01T00:00:00Z; the unit of every stored time.
using UnixMicros = int64_t;

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock. May go backwards when the machine's clock is set.
  [[nodiscard]] virtual UnixMicros Now() const = 0;
  // The machine's clock; one instance per process.
  [[nodiscard]] static std::shared_ptr<Clock> System();
};

// A clock that stands still until it is told otherwise. Thread-safe.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(UnixMicros start) : now_(start) {}
  [[nodiscard]] UnixMicros Now() const override { return now_.load(std::memory_order_relaxed); }
  void Set(UnixMicros now) { now_.store(now, std::memory_order_relaxed); }
  void Advance(std::chrono::microseconds by) { now_.fetch_add(by.count(), std::memory_order_relaxed); }

 private:
  std::atomic<UnixMicros> now_;
};

// The moment until which a call may wait, on the monotonic clock. A default Deadline never passes.
class Deadline {
 public:
  using SteadyClock = std::chrono::steady_clock;
  Deadline() : at_(SteadyClock::time_point::max()) {}
  explicit Deadline(SteadyClock::time_point at) : at_(at) {}

  [[nodiscard]] static Deadline Never() { return Deadline(); }
  [[nodiscard]] static Deadline After(std::chrono::nanoseconds wait);
  // Has passed already: "do not wait".
  [[nodiscard]] static Deadline Now() { return Deadline(SteadyClock::time_point::min()); }

  [[nodiscard]] bool IsNever() const { return at_ == SteadyClock::time_point::max(); }
  [[nodiscard]] bool Passed() const { return !IsNever() && SteadyClock::now() >= at_; }
  [[nodiscard]] SteadyClock::time_point at() const { return at_; }

 private:
  SteadyClock::time_point at_;
};

}  // namespace jammi
