// How often something took how long.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "metrics/samples.h"

namespace jammi {

// Thread-safe, without locks; what comes in during a reading is in it or not.
class LatencyHistogram {
 public:
  // The upper bounds of the buckets, ascending; they outlive the histogram.
  explicit LatencyHistogram(std::span<const std::chrono::microseconds> bounds);

  // A time below zero counts as zero.
  void Observe(std::chrono::nanoseconds took);
  // In seconds.
  [[nodiscard]] HistogramReading Read() const;

 private:
  const std::span<const std::chrono::microseconds> bounds_;
  const std::unique_ptr<std::atomic<uint64_t>[]> buckets_;  // the last one for what is above every bound
  std::atomic<uint64_t> sum_ns_ = 0;
};

}  // namespace jammi
