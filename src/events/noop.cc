#include "jammi/events/noop.h"

#include <utility>

#include "events/findings.h"
#include "events/sink_error.h"
#include "jammi/events/event.h"

namespace jammi::events {

NoopSink::NoopSink(std::shared_ptr<Metrics> metrics) : metrics_(std::move(metrics)) {}

Result<void> NoopSink::Emit(const Event& event) {
  if (closed_) return SinkError(SinkFault::kClosed, "the sink is closed");
  if (auto findings = Validate(event); !findings.empty()) return InvalidEvent(std::move(findings));
  if (metrics_) metrics_->noop_discarded.Add();
  return {};
}

Result<void> NoopSink::Flush(Deadline /*deadline*/) { return {}; }

Result<void> NoopSink::Close(Deadline /*deadline*/) {
  closed_ = true;
  return {};
}

}  // namespace jammi::events
