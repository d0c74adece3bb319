// What the ways of emitting share.
#pragma once

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "events/circuit.h"
#include "events/prepared_event.h"
#include "jammi/events/jetstream_sink.h"

namespace jammi::events {

// Thread-safe.
struct SinkCore {
  SinkCore(std::shared_ptr<Publisher> over, std::string subjects, JetStreamSinkOptions how,
           std::shared_ptr<PauseClock> time)
      : publisher(std::move(over)),
        subject_template(std::move(subjects)),
        options(std::move(how)),
        clock(std::move(time)),
        circuit({.base = options.backoff_base, .cap = options.backoff_cap}, &counters) {}

  const std::shared_ptr<Publisher> publisher;
  const std::string subject_template;
  const JetStreamSinkOptions options;
  const std::shared_ptr<PauseClock> clock;
  JetStreamCounters counters;
  Circuit circuit;
  std::stop_source stop;  // requested when what is left is to end

  using TimePoint = PauseClock::TimePoint;
  [[nodiscard]] std::optional<TimePoint> EmitDeadline(TimePoint now) const {
    if (!options.emit_deadline) return std::nullopt;
    return now + *options.emit_deadline;
  }
  // Of one try that begins `now`.
  [[nodiscard]] Deadline TryDeadline(TimePoint now, std::optional<TimePoint> emit_deadline) const {
    const TimePoint end = now + options.ack_timeout;
    return Deadline(emit_deadline ? std::min(end, *emit_deadline) : end);
  }
  // The pause after `failed` tries of an event; nullopt: that was the last.
  [[nodiscard]] std::optional<std::chrono::milliseconds> PauseAfter(
      uint32_t failed, const Circuit::Permit& permit, std::optional<TimePoint> emit_deadline) const;

  void CountSent(const PreparedEvent& event);
  void CountAck(const PubAck& ack, TimePoint sent, TimePoint now);
  // Tells the circuit of an outcome that is not tried again.
  void Settle(const Circuit::Permit& permit, const Result<PubAck>& outcome, TimePoint now);
};

// The same error without a secret: publishers are others' work.
[[nodiscard]] Error Redacted(const Error& error);
[[nodiscard]] Error ClosedError();

}  // namespace jammi::events
