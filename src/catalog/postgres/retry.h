// When to try again, and how long.
#pragma once

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "jammi/clock.h"

namespace jammi::postgres {

// Pauses of random length, up to twice as long each time, so that those who met each other do not meet
// again; until a deadline.
class Retry {
 public:
  explicit Retry(Deadline deadline) : deadline_(deadline) {}

  // Sleeps. False, at once: the deadline would have passed.
  [[nodiscard]] bool Pause() {
    thread_local std::minstd_rand random{std::random_device{}()};
    const auto pause =
        std::chrono::microseconds(std::uniform_int_distribution<int64_t>(0, longest_.count())(random));
    if (!deadline_.IsNever() && std::chrono::steady_clock::now() + pause >= deadline_.at()) return false;
    std::this_thread::sleep_for(pause);
    longest_ = std::min<std::chrono::microseconds>(2 * longest_, std::chrono::milliseconds(500));
    return true;
  }

 private:
  const Deadline deadline_;
  std::chrono::microseconds longest_ = std::chrono::milliseconds(5);
};

}  // namespace jammi::postgres
