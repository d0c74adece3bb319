// Where events go: the one interface of every sink and of every wrapper around one.
#pragma once

#include <functional>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi::events {

struct Event;

// Thread-safe. Every error has a SinkDetail, which says whether this event, the moment, or the sink is at
// fault (its fault); the message holds no secret.
class EventSink {
 public:
  virtual ~EventSink() = default;

  // Takes `event`, or says why not; what success means is the sink's to say (a broker has it, a disk has it).
  // kInvalidEvent: nothing was sent. kAckTimeout, kBadAck and kConnectionLost (kOutcomeUnknown): the event
  // may have arrived. Everything else: it has not.
  [[nodiscard]] virtual Result<void> Emit(const Event& event) = 0;

  // The same without waiting for the outcome: `done` is called once, on a thread of the sink's or before this
  // returns. A sink that has taken as many as it may waits until there is room, but not inside a `done`.
  // `done` is short; it may call EmitAsync(), and nothing of the sink that waits: not Emit(), Flush(),
  // Close(). Events of one thread that are emitted one after another arrive in that order. `event` is used
  // before this returns. A sink that has nothing to wait for does Emit().
  using Done = std::move_only_function<void(Result<void>)>;
  virtual void EmitAsync(const Event& event, Done done) { done(Emit(event)); }

  // Waits until all that was emitted before has its outcome.
  // Errors: kDeadlineExceeded: some have none yet; they go on.
  [[nodiscard]] virtual Result<void> Flush(Deadline deadline) = 0;

  // Flush(), and takes nothing more (kClosed); what has no outcome at the deadline ends with kClosed, and may
  // have arrived. Idempotent. Errors: kDeadlineExceeded, with the number that was left behind in the message.
  [[nodiscard]] virtual Result<void> Close(Deadline deadline) = 0;
};

}  // namespace jammi::events
