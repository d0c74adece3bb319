#include "catalog/statistics.h"

namespace jammi {

BackendStats Snapshot(const Statistics& statistics, uint64_t queue_depth) {
  const auto get = [](const Statistics::Counter& counter) { return counter.load(std::memory_order_relaxed); };
  return {.transactions = get(statistics.transactions),
          .read_transactions = get(statistics.read_transactions),
          .failed = get(statistics.failed),
          .reruns = get(statistics.reruns),
          .events_appended = get(statistics.events_appended),
          .groups = get(statistics.groups),
          .group_work = get(statistics.group_work),
          .queue_depth = queue_depth,
          .queue_wait_us = get(statistics.queue_wait_us),
          .busy_us = get(statistics.busy_us),
          .commit_us = get(statistics.commit_us),
          .checkpoints = get(statistics.checkpoints),
          .wal_bytes = get(statistics.wal_bytes),
          .writer_reopened = get(statistics.writer_reopened)};
}

}  // namespace jammi
