#include "jammi/events/dead_letter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "base/callback.h"
#include "base/log.h"
#include "events/dead_letter_folder.h"
#include "events/disk.h"
#include "events/sink_error.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/text_redaction.h"

namespace jammi::events {

Result<void> CheckDeadLetterDirectory(const std::filesystem::path& directory) {
  const std::filesystem::path probe = directory / fmt::format(".cellos-dlq-probe-{}", getpid());
  const auto file = OpenFile(probe, O_WRONLY | O_CREAT);
  if (file && unlink(probe.c_str()) == 0) return {};
  return SinkError(SinkFault::kConfigError,
                   fmt::format("no dead letters can be written to {}: {}", directory.string(),
                               file ? "a file there cannot be removed" : file.error().message()));
}

// Shared with what the sink below still has to answer.
struct DeadLetterSink::State {
  struct Letter {
    Event event;
    Error error;
    Done done;
  };

  State(std::shared_ptr<EventSink> below, DeadLetterOptions given, std::shared_ptr<Clock> clock)
      : inner(std::move(below)), options(std::move(given)), folder(options, std::move(clock)) {}

  [[nodiscard]] bool Spills(const Error& error) const {
    switch (FaultOf(error)) {
      case SinkFault::kInvalidEvent:
        return options.spill_invalid;
      case SinkFault::kInvalidSubject:
      case SinkFault::kSignError:
        return false;
      default:
        return true;
    }
  }

  Result<void> Spill(const Event& event, Error error) {
    const std::string reason = RedactUrlCredentials(error.message());
    const auto name = folder.Write(event, error);
    if (!name) {
      Log(LogLevel::kError, "events: {} was not delivered ({}), and not spilled either ({})", event.id,
          reason, name.error().message());
      return error;
    }
    Log(LogLevel::kWarning, "events: {} was not delivered ({}), and is in {}", event.id, reason, *name);
    if (options.metrics) options.metrics->spilled.Add();
    if (options.on_spilled)
      CallBack("who watches dead letters", options.on_spilled, event, options.directory / *name);
    return {};
  }

  // The sink below has answered on a thread that must not wait for a disk: the writer does.
  void Put(Letter letter) {
    const std::lock_guard lock(mutex);
    letters.push_back(std::move(letter));
    changed.notify_all();
  }
  void Finish(Done& done, Result<void> result) {
    CallBack("the outcome of an event", done, std::move(result));
    const std::lock_guard lock(mutex);
    --pending;
    changed.notify_all();
  }

  void Write(const std::stop_token& stop) {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, stop, [&] { return !letters.empty(); });
      if (letters.empty()) return;
      Letter letter = std::move(letters.front());
      letters.pop_front();
      lock.unlock();
      Finish(letter.done, Spill(letter.event, std::move(letter.error)));
      lock.lock();
    }
  }

  Result<void> AwaitAll(Deadline deadline) {
    std::unique_lock lock(mutex);
    const auto done = [&] { return pending == 0; };
    if (deadline.IsNever()) {
      changed.wait(lock, done);
    } else if (!changed.wait_until(lock, deadline.at(), done)) {
      return Error(ErrorCode::kDeadlineExceeded, fmt::format("{} events have no outcome yet", pending),
                   SinkDetail{.fault = SinkFault::kUnavailable});
    }
    return {};
  }

  const std::shared_ptr<EventSink> inner;
  const DeadLetterOptions options;
  DeadLetterFolder folder;
  std::atomic<bool> closed = false;

  std::mutex mutex;
  std::condition_variable_any changed;
  std::deque<Letter> letters;
  size_t pending = 0;  // asynchronous events without an outcome
};

Result<std::unique_ptr<DeadLetterSink>> DeadLetterSink::Open(std::shared_ptr<EventSink> inner,
                                                             DeadLetterOptions options,
                                                             std::shared_ptr<Clock> clock) {
  JAMMI_TRY(CheckDeadLetterDirectory(options.directory));
  auto state = std::make_shared<State>(std::move(inner), std::move(options), std::move(clock));
  return std::unique_ptr<DeadLetterSink>(new DeadLetterSink(std::move(state)));
}

DeadLetterSink::DeadLetterSink(std::shared_ptr<State> state)
    : state_(std::move(state)),
      writer_([state = state_](const std::stop_token& stop) { state->Write(stop); }) {}

DeadLetterSink::~DeadLetterSink() { IgnoreError(Close(Deadline::Now()), "who wants to know calls Close()"); }

Result<void> DeadLetterSink::Emit(const Event& event) {
  if (state_->closed) return SinkError(SinkFault::kClosed, "the sink is closed");
  auto result = state_->inner->Emit(event);
  if (result || !state_->Spills(result.error())) return result;
  return state_->Spill(event, std::move(result).error());
}

void DeadLetterSink::EmitAsync(const Event& event, Done done) {
  if (state_->closed) return done(SinkError(SinkFault::kClosed, "the sink is closed"));
  {
    const std::lock_guard lock(state_->mutex);
    ++state_->pending;
  }
  state_->inner->EmitAsync(event,
                           [state = state_, event, done = std::move(done)](Result<void> result) mutable {
                             if (result || !state->Spills(result.error()))
                               return state->Finish(done, std::move(result));
                             state->Put({std::move(event), std::move(result).error(), std::move(done)});
                           });
}

Result<void> DeadLetterSink::Flush(Deadline deadline) {
  JAMMI_TRY(state_->inner->Flush(deadline));
  return state_->AwaitAll(deadline);
}

Result<void> DeadLetterSink::Close(Deadline deadline) {
  state_->closed = true;
  auto closed = state_->inner->Close(deadline);
  // Everything has its outcome below; what failed is still to be written, which no deadline prevents.
  IgnoreError(state_->AwaitAll(Deadline::Never()), "it waits");
  return closed;
}

}  // namespace jammi::events
