// What sinks count. One Metrics for a chain, shared by the sinks that it is handed to; what is not handed
// one counts for itself alone.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "jammi/clock.h"

namespace jammi::events {

// Only grows. Thread-safe.
class Counter {
 public:
  void Add(uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_ = 0;
};

// A state, as a number. Thread-safe.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_ = 0;
};

// How often a value was how large: bucket i counts values up to 2^i, the last one all that are larger.
// Thread-safe; buckets and sum are read one after another, so they may differ by what comes in between.
class Histogram {
 public:
  static constexpr size_t kBuckets = 28;
  void Record(uint64_t value);
  [[nodiscard]] uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  [[nodiscard]] static uint64_t UpperBound(size_t i) { return uint64_t{1} << i; }  // of i < kBuckets - 1
  [[nodiscard]] uint64_t sum() const { return sum_.value(); }

 private:
  std::array<Counter, kBuckets> buckets_;
  Counter sum_;
};

// What the wrappers around a sink count. The JetStream sink has its own: JetStreamSink::counters().
struct Metrics {
  // --- what became of events
  Counter spilled;      // dead-lettered
  Counter replayed;     // dead letters that were sent again
  Counter quarantined;  // put aside: they can never pass, or are damaged
  Counter mirror_errors;
  Counter noop_discarded;
  Counter dropped;    // by FullPolicy::kDropOldest: lost
  Counter refused;    // for want of room in a queue or a spool
  Counter delivered;  // from a spool, by the sink below
  Counter retried;    // handed by a spool to the sink below once more
  // --- states
  Gauge queue_events;  // that wait or are on their way
  Gauge queue_bytes;
  Gauge spool_events;       // that are not delivered
  Gauge spool_bytes;        // of them
  Gauge spool_in_flight;    // of them, with the sink below
  Gauge spool_oldest;       // UnixMicros of the append of the oldest; 0: there is none
  Gauge dead_letter_files;  // as far as this process knows
  Gauge spool_health;       // SinkHealth, as a number
  // --- how large, how long
  Histogram spool_event_bytes;
  Histogram spool_sync_us;      // microseconds of each sync
  Histogram spool_sync_events;  // events that one sync made durable
};

// Prometheus' text format 0.0.4: names begin with "jammi_events_", times are in seconds. No label holds what
// came from an event. `now` tells the age of the oldest spooled event.
[[nodiscard]] std::string RenderMetrics(const Metrics& metrics, UnixMicros now);

// How events fare.
enum class SinkHealth : uint8_t {
  kOk = 0,
  kDegraded = 1,  // they wait: the receiver is away
  kLosing = 2,    // they are refused, dropped or damaged
};

}  // namespace jammi::events
