// What waiting threads sleep on: a counter, and one system call that wakes them all.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>

#include "jammi/clock.h"

namespace jammi::sqlite {

// To wait: Look(), then check what is waited for, then Wait(what Look gave). To wake: make it true, then
// Ring(). A ring between Look and Wait is not lost. std::atomic::wait does the same without a deadline.
class Doorbell {
 public:
  [[nodiscard]] uint32_t Look() const { return count_.load(std::memory_order_acquire); }

  // Returns when the bell rang since `seen`, when the deadline passed, and now and then for no reason.
  void Wait(uint32_t seen, Deadline deadline) {
    timespec until{};
    if (!deadline.IsNever()) {
      if (deadline.Passed()) return;
      const auto since_boot = deadline.at().time_since_epoch();  // steady_clock is CLOCK_MONOTONIC
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_boot);
      until.tv_sec = seconds.count();
      until.tv_nsec = std::chrono::nanoseconds(since_boot - seconds).count();
    }
    syscall(SYS_futex, &count_, FUTEX_WAIT_BITSET_PRIVATE, seen, deadline.IsNever() ? nullptr : &until,
            nullptr, FUTEX_BITSET_MATCH_ANY);
  }

  void Ring() {
    count_.fetch_add(1, std::memory_order_release);
    syscall(SYS_futex, &count_, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  }

 private:
  std::atomic<uint32_t> count_ = 0;
  static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));
};

}  // namespace jammi::sqlite
