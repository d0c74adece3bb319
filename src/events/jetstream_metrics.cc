#include <string>

#include "events/metrics_text.h"
#include "jammi/events/jetstream_sink.h"

namespace jammi::events {

std::string RenderMetrics(const JetStreamCounters& counters) {
  constexpr double kMicros = 1e6;
  MetricsText out;
  out.Put("jetstream_emitted_total", "Events given to the sink.", counters.emitted);
  out.Put("jetstream_acked_total", "Events that a stream has.", counters.acked);
  out.Put("jetstream_duplicate_total", "Of these: it had them already.", counters.duplicate);
  out.Put("jetstream_retried_total", "Events that were sent again.", counters.retried);
  out.Head("jetstream_failed_total", "Events that failed.", "counter");
  for (size_t i = 0; i < counters.failed.size(); ++i) {
    out.PutLabelled("jetstream_failed_total", "fault", ToString(static_cast<SinkFault>(i)),
                    counters.failed[i]);
  }
  out.Put("jetstream_circuit_opened_total", "How often the circuit opened.", counters.opened);
  out.Put("jetstream_circuit_open", "1 while it is open.", counters.circuit_open.value());
  out.Put("jetstream_circuit_attempt", "Tries in vain since it opened.", counters.circuit_attempt.value());
  out.Put("jetstream_in_flight", "Events without an outcome.", counters.in_flight.value());
  out.Put("jetstream_ack_seconds", "From sending an event to its acknowledgement.", counters.ack_latency_us,
          kMicros);
  out.Put("jetstream_payload_bytes", "Sizes of what was sent.", counters.payload_bytes, 1);
  return out.Take();
}

}  // namespace jammi::events
