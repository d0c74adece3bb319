#include "server/engine_health.h"

#include <fmt/format.h>

#include "jammi/engine_status.h"
#include "metrics/engine_samples.h"

namespace jammi {

Result<Readiness> CheckReadiness(const Engine& engine, Deadline deadline) {
  JAMMI_TRY(engine.Ping(deadline));
  const auto broker = engine.broker_status();
  if (broker.connected) return Readiness{};
  return Readiness{.degraded = fmt::format("the broker is away: {}", broker.reason)};
}

void PutEngineSamples(const Engine& engine, Samples& samples) {
  PutBackendSamples(engine.stats(), samples);
  PutRetentionSamples(engine.retention_stats(), samples);
  PutFeedSamples(engine.feed_stats(), samples);
  PutBrokerSamples(engine.broker_status(), samples);
  PutForwardingSamples(engine.event_forwarding(), samples);
}

}  // namespace jammi
