// What BackendStats is made from.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "jammi/catalog_backend.h"

namespace jammi {

// Each counter by itself is exact; together they are of about the same moment.
struct Statistics {
  using Counter = std::atomic<uint64_t>;
  Counter transactions = 0;
  Counter read_transactions = 0;
  Counter failed = 0;
  Counter reruns = 0;
  Counter events_appended = 0;
  Counter groups = 0;
  Counter group_work = 0;
  Counter queue_wait_us = 0;
  Counter busy_us = 0;
  Counter commit_us = 0;
  Counter checkpoints = 0;
  Counter wal_bytes = 0;
  Counter writer_reopened = 0;
};

[[nodiscard]] BackendStats Snapshot(const Statistics& statistics, uint64_t queue_depth);

// Adds the time that it lives.
class TimeCounted {
 public:
  explicit TimeCounted(Statistics::Counter& micros) : micros_(micros) {}
  ~TimeCounted() {
    const auto took = std::chrono::steady_clock::now() - begun_;
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    micros_.fetch_add(static_cast<uint64_t>(micros), std::memory_order_relaxed);
  }
  TimeCounted(const TimeCounted&) = delete;
  TimeCounted& operator=(const TimeCounted&) = delete;

 private:
  Statistics::Counter& micros_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

inline void Add(Statistics::Counter& counter, uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace jammi
