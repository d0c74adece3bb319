#include "events/sink_core.h"

#include "events/sink_error.h"
#include "jammi/events/fault.h"
#include "jammi/events/text_redaction.h"

namespace jammi::events {
namespace {

constexpr std::chrono::milliseconds kLongestPause{1000};

}  // namespace

std::optional<std::chrono::milliseconds> SinkCore::PauseAfter(uint32_t failed, const Circuit::Permit& permit,
                                                              std::optional<TimePoint> emit_deadline) const {
  if (permit.probe || failed >= options.publish_attempts || stop.stop_requested()) return std::nullopt;
  const auto pause = std::min(RetryPause(failed - 1), kLongestPause);
  if (emit_deadline && clock->Now() + pause > *emit_deadline) return std::nullopt;
  return pause;
}

void SinkCore::CountSent(const PreparedEvent& event) { counters.payload_bytes.Record(event.payload.size()); }

void SinkCore::CountAck(const PubAck& ack, TimePoint sent, TimePoint now) {
  counters.acked.Add();
  if (ack.duplicate) counters.duplicate.Add();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - sent);
  counters.ack_latency_us.Record(static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)));
}

void SinkCore::Settle(const Circuit::Permit& permit, const Result<PubAck>& outcome, TimePoint now) {
  if (outcome || FaultOf(outcome.error()) == SinkFault::kRejected) {
    circuit.Answered(now);
  } else if (ClassOf(FaultOf(outcome.error())) == FaultClass::kTransient) {
    circuit.Failed(permit, now, outcome.error());
  } else {
    circuit.Withdraw(permit);
  }
}

Error Redacted(const Error& error) {
  SinkDetail detail{.fault = FaultOf(error)};
  if (const auto* const given = error.As<SinkDetail>()) detail = *given;
  return Error(error.code(), RedactUrlCredentials(error.message()), std::move(detail));
}

Error ClosedError() { return SinkError(SinkFault::kClosed, "event sink: closed"); }

}  // namespace jammi::events
