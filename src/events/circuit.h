// The state machine in front of a publisher: it lets events through, or refuses them at once while the broker
// is away, but for one probe now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>

#include "jammi/events/jetstream_sink.h"
#include "jammi/events/retry.h"
#include "jammi/result.h"

namespace jammi::events {

// Thread-safe; its lock is held for a few instructions, never while anybody publishes.
class Circuit {
 public:
  using TimePoint = PauseClock::TimePoint;
  struct Waits {
    std::chrono::milliseconds base = kBackoffBase;
    std::chrono::milliseconds cap = kBackoffCap;
  };
  // The right to publish one event. Who has one tells what became of it, once.
  struct Permit {
    bool probe = false;       // the only one; one try
    uint64_t generation = 0;  // of the circuit when it was given
  };

  // `counters` outlives it.
  Circuit(const Waits& waits, JetStreamCounters* counters) : waits_(waits), counters_(counters) {}

  // Errors: kCircuitOpen, with what is left of the wait (0 while a probe is under way).
  [[nodiscard]] Result<Permit> Enter(TimePoint now);

  // The error of an event that is refused without having asked to enter; counted like one that has.
  [[nodiscard]] Error Refusal(TimePoint now);

  // The broker has answered: yes, or no to this event alone. Closes it.
  void Answered(TimePoint now);
  // All tries are used up. Opens it, or makes the next wait longer; if it has opened or closed since the
  // permit was given, and this is not its probe, nothing.
  void Failed(const Permit& permit, TimePoint now, const Error& why);
  // Nothing was learnt of the broker: the claim of a probe is given back.
  void Withdraw(const Permit& permit);

  // Opens it before the first event: there is no connection yet.
  void OpenAtStart(TimePoint now, const Error& why);
  // A connection was made: an open circuit need not wait longer.
  void ProbeNow(TimePoint now);

  [[nodiscard]] ReconnectState state() const;

 private:
  [[nodiscard]] std::chrono::milliseconds WaitLocked() const;
  [[nodiscard]] Error RefuseLocked(TimePoint now);
  void SetGaugesLocked();

  const Waits waits_;
  JetStreamCounters* const counters_;

  mutable std::mutex mutex_;
  bool open_ = false;
  bool probing_ = false;
  uint64_t generation_ = 0;  // counts openings and closings
  uint32_t attempt_ = 0;
  TimePoint next_after_ = {};
  TimePoint opened_at_ = {};
  uint64_t refused_ = 0;  // since it opened
};

}  // namespace jammi::events
