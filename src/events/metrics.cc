#include "jammi/events/metrics.h"

#include <algorithm>
#include <bit>

#include "events/metrics_text.h"

namespace jammi::events {
void Histogram::Record(uint64_t value) {
  // The smallest i with value <= 2^i.
  const size_t i = value <= 1 ? 0 : static_cast<size_t>(std::bit_width(value - 1));
  buckets_[std::min(i, kBuckets - 1)].Add();
  sum_.Add(value);
}

std::string RenderMetrics(const Metrics& metrics, UnixMicros now) {
  constexpr double kMicros = 1e6;
  const int64_t oldest = metrics.spool_oldest.value();
  MetricsText out;
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
