// What BackendStats is made from.
#pragma once

#include <atomic>
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
  Counter commit_us = 0;
  Counter checkpoints = 0;
  Counter wal_bytes = 0;
  Counter writer_reopened = 0;
};

[[nodiscard]] BackendStats Snapshot(const Statistics& statistics, uint64_t queue_depth);

inline void Add(Statistics::Counter& counter, uint64_t by = 1) { counter.fetch_add(by, std::memory_order_relaxed); }

}  // namespace jammi
