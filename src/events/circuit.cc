#include "events/circuit.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/log.h"

namespace jammi::events {
namespace {

using std::chrono::milliseconds;

void LogOpened(const Error& why) {
  Log(LogLevel::kWarning, "event sink: the circuit opened: {}", why.message());
}

}  // namespace

milliseconds Circuit::WaitLocked() const { return BackoffDelay(attempt_, waits_.base, waits_.cap); }

void Circuit::SetGaugesLocked() {
  counters_->circuit_open.Set(open_ ? 1 : 0);
  counters_->circuit_attempt.Set(attempt_);
}

Result<Circuit::Permit> Circuit::Enter(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (!open_) return Permit{.generation = generation_};
  if (now >= next_after_ && !probing_) {
    probing_ = true;
    return Permit{.probe = true, .generation = generation_};
  }
  return RefuseLocked(now);
}

Error Circuit::RefuseLocked(TimePoint now) {
  ++refused_;
  const auto left =
      std::chrono::duration_cast<milliseconds>(std::max(next_after_ - now, TimePoint::duration::zero()));
  auto message = fmt::format("event sink: the circuit is open (attempt {}), the next try is in {} ms",
                             attempt_, left.count());
  return Error(
      ErrorCode::kUnavailable, std::move(message),
      SinkDetail{.fault = SinkFault::kCircuitOpen, .attempt = attempt_, .remaining_ms = left.count()});
}

Error Circuit::Refusal(TimePoint now) {
  const std::lock_guard lock(mutex_);
  return RefuseLocked(now);
}

void Circuit::Answered(TimePoint now) {
  milliseconds away{0};
  uint64_t refused = 0;
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return;
    away = std::chrono::duration_cast<milliseconds>(now - opened_at_);
    refused = refused_;
    open_ = false;
    probing_ = false;
    attempt_ = 0;
    ++generation_;
    SetGaugesLocked();
  }
  Log(LogLevel::kInfo, "event sink: the circuit closed after {} ms; {} events were refused", away.count(),
      refused);
}

void Circuit::Failed(const Permit& permit, TimePoint now, const Error& why) {
  {
    const std::lock_guard lock(mutex_);
    if (permit.generation != generation_) return;
    if (permit.probe) {
      probing_ = false;
      if (attempt_ < std::numeric_limits<uint32_t>::max()) ++attempt_;
    } else {
      open_ = true;
      attempt_ = 0;
      opened_at_ = now;
      refused_ = 0;
      ++generation_;
      counters_->opened.Add();
    }
    next_after_ = now + WaitLocked();
    SetGaugesLocked();
    if (permit.probe) return;
  }
  LogOpened(why);
}

void Circuit::Withdraw(const Permit& permit) {
  const std::lock_guard lock(mutex_);
  if (permit.probe && permit.generation == generation_) probing_ = false;
}

void Circuit::OpenAtStart(TimePoint now, const Error& why) {
  Failed(Permit{}, now, why);  // of the generation in which nothing has happened yet
}

void Circuit::ProbeNow(TimePoint now) {
  const std::lock_guard lock(mutex_);
  if (open_) next_after_ = std::min(next_after_, now);
}

ReconnectState Circuit::state() const {
  const std::lock_guard lock(mutex_);
  return {.connected = !open_, .attempt = attempt_, .next_after = open_ ? next_after_ : TimePoint{}};
}

}  // namespace jammi::events
