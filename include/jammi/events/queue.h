// A bounded queue in memory in front of a sink, so that a producer does not wait for a receiver.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "jammi/events/metrics.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi::events {

// What happens to an event for which there is no room.
enum class FullPolicy : uint8_t {
  kBlock,       // Emit() waits for room until its deadline; EmitAsync() does as kFail
  kFail,        // it is refused
  kSpill,       // it goes to the sink `spill`, whose answer counts
  kDropOldest,  // the oldest that wait are dropped and counted: they are lost
};

struct QueueOptions {
  // Events that wait or are on their way.
  size_t max_events = 10'000;
  size_t max_bytes = size_t{64} << 20;  // of them, in their written form
  size_t window = 256;                  // events that the sink below has and has not answered
  FullPolicy policy = FullPolicy::kBlock;
  std::chrono::milliseconds block_for{5000};   // kBlock
  std::shared_ptr<EventSink> spill = nullptr;  // kSpill
  // Called on a thread of the queue's or of who emits, when the larger of the two shares rises to `high_mark`
  // or falls to `low_mark` after that. Short; they may not emit.
  double high_mark = 0.8;
  double low_mark = 0.5;
  std::function<void()> on_high = nullptr;
  std::function<void()> on_low = nullptr;
  // Told of each event that Emit() had taken and the sink below did not, or that was dropped. Short.
  std::function<void(const Event&, const Error&)> on_failed = nullptr;
  std::shared_ptr<Metrics> metrics = nullptr;
};

// Emit() that succeeds: the queue has the event, in memory; it is lost if the program ends before Flush()
// or Close(). EmitAsync() tells what the sink below said. Thread-safe; events reach the sink below in the
// order in which they were taken.
// Errors: kInvalidEvent; kUnavailable (kResourceExhausted): full; kClosed; and those of `spill`.
class QueueSink final : public EventSink {
 public:
  // Errors: kConfigError: a limit that is 0, marks that are no shares in order, kSpill without a sink.
  [[nodiscard]] static Result<std::unique_ptr<QueueSink>> Make(std::shared_ptr<EventSink> inner,
                                                               QueueOptions options);
  ~QueueSink() override;  // Close(Deadline::Now())

  [[nodiscard]] Result<void> Emit(const Event& event) override;
  void EmitAsync(const Event& event, Done done) override;
  [[nodiscard]] Result<void> Flush(Deadline deadline) override;  // the sink below too
  [[nodiscard]] Result<void> Close(Deadline deadline) override;  // the sink below too

 private:
  struct State;
  explicit QueueSink(std::shared_ptr<State> state);

  const std::shared_ptr<State> state_;
};

}  // namespace jammi::events
