#include "metrics/latency_histogram.h"

#include <algorithm>

namespace jammi {

LatencyHistogram::LatencyHistogram(std::span<const std::chrono::microseconds> bounds)
    : bounds_(bounds), buckets_(std::make_unique<std::atomic<uint64_t>[]>(bounds.size() + 1)) {}

void LatencyHistogram::Observe(std::chrono::nanoseconds took) {
  took = std::max(took, std::chrono::nanoseconds(0));
  const auto bucket = std::ranges::lower_bound(bounds_, took) - bounds_.begin();
  buckets_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<uint64_t>(took.count()), std::memory_order_relaxed);
}

HistogramReading LatencyHistogram::Read() const {
  HistogramReading reading;
  for (size_t i = 0; i < bounds_.size(); ++i) {
    reading.count += buckets_[i].load(std::memory_order_relaxed);
    reading.bounds.push_back(static_cast<double>(bounds_[i].count()) / 1e6);
    reading.cumulative.push_back(reading.count);
  }
  reading.count += buckets_[bounds_.size()].load(std::memory_order_relaxed);
  reading.sum = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
  return reading;
}

}  // namespace jammi
