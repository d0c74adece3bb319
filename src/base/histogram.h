// Counts how often a value was how large.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace jammi {

// How often a value was how large, since the counting began. Whoever names the histogram says in which unit.
struct HistogramCounts {
  std::span<const uint64_t> bounds;  // ascending; constants of the program
  // [i]: values up to bounds[i] and above the bound before it; the last one: above every bound. Empty: what
  // could be counted does not exist here.
  std::vector<uint64_t> counts;
  uint64_t sum = 0;  // of all values
};

// Thread-safe, without locks; what comes in during a reading is in it or not.
class BoundedHistogram {
 public:
  // `bounds`: ascending; they outlive it and all that was read from it.
  explicit BoundedHistogram(std::span<const uint64_t> bounds)
      : bounds_(bounds), counts_(std::make_unique<std::atomic<uint64_t>[]>(bounds.size() + 1)) {}

  void Observe(uint64_t value) {
    const auto bucket = std::ranges::lower_bound(bounds_, value) - bounds_.begin();
    counts_[static_cast<size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    sum_.fetch_add(value, std::memory_order_relaxed);
  }
  // In nanoseconds. A time below zero counts as zero.
  void Observe(std::chrono::nanoseconds took) {
    Observe(static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)));
  }

  [[nodiscard]] HistogramCounts Read() const {
    HistogramCounts read{.bounds = bounds_, .counts = {}, .sum = sum_.load(std::memory_order_relaxed)};
    read.counts.reserve(bounds_.size() + 1);
    for (size_t i = 0; i <= bounds_.size(); ++i)
      read.counts.push_back(counts_[i].load(std::memory_order_relaxed));
    return read;
  }

 private:
  const std::span<const uint64_t> bounds_;
  const std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  std::atomic<uint64_t> sum_ = 0;
};

}  // namespace jammi
