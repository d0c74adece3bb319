#include "events/spool_sender.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"
#include "events/disk.h"
#include "jammi/events/backoff.h"
#include "jammi/events/fault.h"

namespace jammi::events {
namespace {

// Of events that are with the sink below.
constexpr uint64_t kWindowBytes = uint64_t{64} << 20;
// How far the cursor on disk may be behind: what was delivered since then is delivered again after a crash.
constexpr std::chrono::milliseconds kSaveEvery{50};

bool NeverPasses(const Error& error) {
  const SinkFault fault = FaultOf(error);
  return ClassOf(fault) == FaultClass::kEvent || fault == SinkFault::kSignError;
}

DeadLetterOptions QuarantineOptions(const SpoolOptions& options) {
  return {.directory = options.directory / "quarantine", .min_free_bytes = 0};
}

}  // namespace

SpoolSender::SpoolSender(std::shared_ptr<EventSink> inner, SpoolLog& log, const SpoolOptions& options,
                         std::shared_ptr<Clock> clock, std::shared_ptr<SpoolBell> bell)
    : inner_(std::move(inner)),
      log_(log),
      options_(options),
      bell_(std::move(bell)),
      pauses_(options.pauses ? options.pauses : PauseClock::System()),
      quarantine_(options.directory / "quarantine"),
      letters_(QuarantineOptions(options), std::move(clock)) {}

void SpoolSender::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    Settle();
    const size_t failed = Count(true);
    waiting_ = failed > 0 || useless_;
    if (failed > 0) {
      if (Count(false) > 0) {
        Wait(stop);  // all of the window has an answer before anything is sent again: that keeps the order
      } else if (std::exchange(failing_, false)) {
        Pause(stop);
        if (!stop.stop_requested()) SendAgain(true);
      } else {
        SendAgain(false);
      }
      continue;
    }
    if (!SendNext(stop)) Wait(stop);
  }
}

void SpoolSender::Settle() {
  {
    const std::lock_guard lock(bell_->mutex);
    bell_->rung = false;
    failing_ |= std::exchange(bell_->failed, false);
  }
  bool settled = false;
  while (!flights_.empty() && SettleFront()) settled = true;
  unsaved_ |= settled;
  const bool late = std::chrono::steady_clock::now() - saved_at_ >= kSaveEvery;
  if (unsaved_ && (flights_.empty() || late)) SaveCursor();
  if (options_.metrics) options_.metrics->spool_in_flight.Set(static_cast<int64_t>(flights_.size()));
  if (settled) {
    const std::lock_guard lock(bell_->mutex);
    bell_->changed.notify_all();  // somebody may wait for this
  }
}

bool SpoolSender::SettleFront() {
  const auto& flight = flights_.front();
  std::optional<Error> error;
  {
    const std::lock_guard lock(bell_->mutex);
    if (!flight->outcome) return false;
    if (!*flight->outcome) error = flight->outcome->error();
  }
  if (error && !NeverPasses(*error)) return false;
  if (error) {
    if (const auto put = PutAside(*flight, *error); !put) {
      Log(LogLevel::kError, "events: an event cannot be put aside: {}", put.error().message());
      const std::lock_guard lock(bell_->mutex);
      flight->outcome = put;
      failing_ = true;
      return false;
    }
  } else {
    attempt_ = 0;
    if (options_.metrics) options_.metrics->delivered.Add();
  }
  log_.Delivered(flight->record);
  flight_bytes_ -= flight->record.size;
  flights_.pop_front();
  return true;
}

Result<void> SpoolSender::PutAside(const Flight& flight, const Error& error) {
  Log(LogLevel::kWarning, "events: event {} of the spool can never be delivered: {}", flight.record.sequence,
      error.message());
  if (options_.metrics) options_.metrics->quarantined.Add();
  if (flight.event) {
    if (auto written = letters_.Write(*flight.event, error); !written) return std::move(written).error();
    return {};
  }
  const auto path = quarantine_ / fmt::format("{}.unreadable", flight.record.sequence);
  JAMMI_ASSIGN(const File file, OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC));
  JAMMI_TRY(WriteAll(Disk::System(), file, flight.record.body, path));
  JAMMI_TRY(SyncFile(Disk::System(), file, path));
  return SyncDirectory(Disk::System(), quarantine_);
}

void SpoolSender::Send(const std::shared_ptr<Flight>& flight) {
  {
    const std::lock_guard lock(bell_->mutex);
    flight->outcome.reset();
  }
  inner_->EmitAsync(*flight->event, [flight, bell = bell_](Result<void> outcome) {
    const std::lock_guard lock(bell->mutex);
    bell->failed |= !outcome && !NeverPasses(outcome.error());
    flight->outcome = std::move(outcome);
    bell->rung = true;
    bell->changed.notify_all();
  });
}

void SpoolSender::SendAgain(bool only_first) {
  std::vector<std::shared_ptr<Flight>> again;
  {
    const std::lock_guard lock(bell_->mutex);
    for (const auto& flight : flights_) {
      if (flight->outcome && !*flight->outcome && flight->event) again.push_back(flight);
      if (only_first && !again.empty()) break;
    }
  }
  if (options_.metrics) options_.metrics->retried.Add(again.size());
  for (const auto& flight : again) Send(flight);
}

bool SpoolSender::SendNext(const std::stop_token& stop) {
  if (useless_ || flights_.size() >= options_.window || flight_bytes_ >= kWindowBytes) return false;
  auto record = log_.Next();
  if (record && !*record) {
    bell_->idle = true;
    record = log_.Next();  // what came before it could ring
  }
  if (!record) {
    useless_ = record.error().code() == ErrorCode::kDataLoss;
    Log(LogLevel::kError, "events: the spool cannot be read: {}", record.error().message());
    if (!useless_) {
      pauses_->Sleep(BackoffDelay(attempt_++), stop);
      return true;
    }
    const std::lock_guard lock(bell_->mutex);
    bell_->changed.notify_all();
    return false;
  }
  if (!*record) return false;
  auto flight = std::make_shared<Flight>(Flight{.record = std::move(**record)});
  flight_bytes_ += flight->record.size;
  flights_.push_back(flight);
  auto event = ParseEvent(flight->record.body);
  if (event) {
    flight->event = std::move(*event);
    flight->record.body.clear();
    Send(flight);
  } else {
    flight->outcome = Result<void>(std::move(event).error());
  }
  return true;
}

// As long as the circuit says, else longer and longer.
void SpoolSender::Pause(const std::stop_token& stop) {
  std::chrono::milliseconds pause{0};
  {
    const std::lock_guard lock(bell_->mutex);
    for (const auto& flight : flights_) {
      if (!flight->outcome || *flight->outcome) continue;
      const auto* detail = flight->outcome->error().As<SinkDetail>();
      if (detail == nullptr || detail->fault != SinkFault::kCircuitOpen) continue;
      pause = std::max(pause, std::chrono::milliseconds(std::max<int64_t>(detail->remaining_ms, 1)));
    }
  }
  if (pause.count() == 0) pause = BackoffDelay(attempt_++);
  JAMMI_SYNC_POINT("events.spool.pausing");
  SaveCursor();
  pauses_->Sleep(pause, stop);
}

void SpoolSender::Wait(const std::stop_token& stop) {
  std::unique_lock lock(bell_->mutex);
  const auto rung = [&] { return bell_->rung; };
  if (unsaved_) {
    bell_->changed.wait_for(lock, stop, kSaveEvery, rung);
  } else {
    bell_->changed.wait(lock, stop, rung);
  }
}

void SpoolSender::SaveCursor() {
  saved_at_ = std::chrono::steady_clock::now();
  if (!std::exchange(unsaved_, false)) return;
  if (const auto saved = log_.SaveCursor(); !saved) {
    unsaved_ = true;
    Log(LogLevel::kError, "events: {}", saved.error().message());
  }
}

// Flights that have failed, or have no answer.
size_t SpoolSender::Count(bool failed) {
  const std::lock_guard lock(bell_->mutex);
  return static_cast<size_t>(std::ranges::count_if(flights_, [&](const auto& flight) {
    return failed ? flight->outcome && !*flight->outcome && !NeverPasses(flight->outcome->error())
                  : !flight->outcome;
  }));
}

}  // namespace jammi::events
