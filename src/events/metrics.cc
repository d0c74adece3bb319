#include "jammi/events/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <iterator>

namespace jammi::events {
namespace {

// Writes one metric after another.
class Writer {
 public:
  void Put(std::string_view name, std::string_view help, const Counter& counter) {
    Head(name, help, "counter");
    fmt::format_to(Out(), "jammi_events_{} {}\n", name, counter.value());
  }
  void Put(std::string_view name, std::string_view help, int64_t gauge) {
    Head(name, help, "gauge");
    fmt::format_to(Out(), "jammi_events_{} {}\n", name, gauge);
  }
  // `unit`: what a recorded value is to be divided by.
  void Put(std::string_view name, std::string_view help, const Histogram& histogram, double unit) {
    Head(name, help, "histogram");
    uint64_t total = 0;
    for (size_t i = 0; i + 1 < Histogram::kBuckets; ++i) {
      total += histogram.bucket(i);
      fmt::format_to(Out(), "jammi_events_{}_bucket{{le=\"{}\"}} {}\n", name,
                     static_cast<double>(Histogram::UpperBound(i)) / unit, total);
    }
    total += histogram.bucket(Histogram::kBuckets - 1);
    fmt::format_to(Out(), "jammi_events_{}_bucket{{le=\"+Inf\"}} {}\n", name, total);
    fmt::format_to(Out(), "jammi_events_{}_sum {}\n", name, static_cast<double>(histogram.sum()) / unit);
    fmt::format_to(Out(), "jammi_events_{}_count {}\n", name, total);
  }
  [[nodiscard]] std::string Take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> Out() { return std::back_inserter(text_); }
  void Head(std::string_view name, std::string_view help, std::string_view type) {
    fmt::format_to(Out(), "# HELP jammi_events_{} {}\n# TYPE jammi_events_{} {}\n", name, help, name, type);
  }

  std::string text_;
};

}  // namespace

void Histogram::Record(uint64_t value) {
  // The smallest i with value <= 2^i.
  const size_t i = value <= 1 ? 0 : static_cast<size_t>(std::bit_width(value - 1));
  buckets_[std::min(i, kBuckets - 1)].Add();
  sum_.Add(value);
}

std::string RenderMetrics(const Metrics& metrics, UnixMicros now) {
  constexpr double kMicros = 1e6;
  const int64_t oldest = metrics.spool_oldest.value();
  Writer out;
  out.Put("spilled_total", "Events written to the dead-letter folder.", metrics.spilled);
  out.Put("replayed_total", "Dead letters that were sent again.", metrics.replayed);
  out.Put("quarantined_total", "Events put aside: they can never pass, or are damaged.", metrics.quarantined);
  out.Put("mirror_errors_total", "Events that the mirror did not take.", metrics.mirror_errors);
  out.Put("noop_discarded_total", "Events discarded because nothing is delivered.", metrics.noop_discarded);
  out.Put("dropped_total", "Events lost to make room for newer ones.", metrics.dropped);
  out.Put("refused_total", "Events refused for want of room.", metrics.refused);
  out.Put("delivered_total", "Spooled events that were delivered.", metrics.delivered);
  out.Put("retried_total", "Spooled events that were handed over once more.", metrics.retried);
  out.Put("queue_events", "Events in the queue.", metrics.queue_events.value());
  out.Put("queue_bytes", "Bytes of the events in the queue.", metrics.queue_bytes.value());
  out.Put("spool_events", "Events in the spool that are not delivered.", metrics.spool_events.value());
  out.Put("spool_bytes", "Bytes of these events.", metrics.spool_bytes.value());
  out.Put("spool_in_flight", "Those of them that were handed over.", metrics.spool_in_flight.value());
  out.Put("spool_oldest_age_seconds", "Age of the oldest of these events.",
          oldest == 0 ? 0 : std::max<int64_t>(0, now - oldest) / 1'000'000);
  out.Put("dead_letter_files", "Files in the dead-letter folder.", metrics.dead_letter_files.value());
  out.Put("spool_health", "0 ok, 1 degraded, 2 losing.", metrics.spool_health.value());
  out.Put("spool_event_bytes", "Sizes of the events in their written form.", metrics.spool_event_bytes, 1);
  out.Put("spool_sync_seconds", "Duration of each sync of the spool.", metrics.spool_sync_us, kMicros);
  out.Put("spool_sync_events", "Events that one sync made durable.", metrics.spool_sync_events, 1);
  return out.Take();
}

}  // namespace jammi::events
