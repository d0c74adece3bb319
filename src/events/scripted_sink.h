// A sink that does what a test says.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "events/sink_error.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/retry.h"
#include "jammi/events/sink.h"

namespace jammi::events::test {

#define EVENTS_OK_OR_FAIL(expr)                             \
  do {                                                      \
    const auto& events_ok = (expr);                         \
    ASSERT_TRUE(events_ok) << events_ok.error().ToString(); \
  } while (false)

inline constexpr std::chrono::seconds kPatience{60};
inline Deadline Soon() { return Deadline::After(kPatience); }

inline Event EventNamed(const std::string& id, const std::string& text = "x") {
  return {.id = id, .source = "s", .type = "t", .payload = JsonData::FromWritten("{\"p\":\"" + text + "\"}")};
}

template <class T>
SinkFault FaultIn(const Result<T>& result) {
  EXPECT_FALSE(result);
  return result ? SinkFault::kUnavailable : FaultOf(result.error());
}

// Thread-safe.
class ScriptedSink final : public EventSink {
 public:
  // What the next events get, in order; those behind them succeed.
  void Script(std::vector<Result<void>> results) {
    const std::lock_guard lock(mutex_);
    for (auto& result : results) script_.push_back(std::move(result));
  }
  void Fail(SinkFault fault, int times = 1) {
    for (int i = 0; i < times; ++i) Script({SinkError(fault, "scripted")});
  }
  // Until told otherwise EmitAsync() answers nothing.
  void Hold() {
    const std::lock_guard lock(mutex_);
    holds_ = true;
  }
  void LetGo() {
    std::deque<std::pair<Done, Result<void>>> held;
    {
      const std::lock_guard lock(mutex_);
      holds_ = false;
      held.swap(held_);
    }
    for (auto& [done, result] : held) done(std::move(result));
  }

  Result<void> Emit(const Event& event) override {
    const std::lock_guard lock(mutex_);
    return NextLocked(event);
  }
  void EmitAsync(const Event& event, Done done) override {
    std::unique_lock lock(mutex_);
    auto result = NextLocked(event);
    if (holds_) {
      held_.emplace_back(std::move(done), std::move(result));
      return;
    }
    lock.unlock();
    done(std::move(result));
  }
  Result<void> Flush(Deadline /*deadline*/) override { return {}; }
  Result<void> Close(Deadline /*deadline*/) override {
    std::deque<std::pair<Done, Result<void>>> held;
    {
      const std::lock_guard lock(mutex_);
      held.swap(held_);
    }
    for (auto& each : held) each.first(SinkError(SinkFault::kClosed, "closed"));
    return {};
  }

  // Ids of the events that it was given, as soon as there are so many; fewer if that takes too long.
  std::vector<std::string> AwaitGiven(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return given_.size() >= count; });
    return given_;
  }
  // Ids of those that it took.
  std::vector<std::string> taken() {
    const std::lock_guard lock(mutex_);
    return taken_;
  }
  std::vector<std::string> payloads() {
    const std::lock_guard lock(mutex_);
    return payloads_;
  }

 private:
  Result<void> NextLocked(const Event& event) {
    given_.push_back(event.id);
    payloads_.push_back(Serialise(event));
    changed_.notify_all();
    Result<void> result;
    if (!script_.empty()) {
      result = std::move(script_.front());
      script_.pop_front();
    }
    if (result) taken_.push_back(event.id);
    return result;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Result<void>> script_;
  bool holds_ = false;
  std::deque<std::pair<Done, Result<void>>> held_;
  std::vector<std::string> given_;
  std::vector<std::string> payloads_;
  std::vector<std::string> taken_;
};

// A clock whose pauses last until the test lets them end.
class HeldClock final : public PauseClock {
 public:
  [[nodiscard]] TimePoint Now() const override { return TimePoint(std::chrono::hours(1)); }
  void Sleep(std::chrono::nanoseconds pause, const std::stop_token& stop) override {
    std::unique_lock lock(mutex_);
    pauses_.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(pause).count());
    changed_.notify_all();
    const size_t mine = pauses_.size();
    changed_.wait(lock, stop, [&] { return ended_ >= mine; });
  }
  // Milliseconds of the pauses that were begun, as soon as there are so many.
  std::vector<int64_t> AwaitPauses(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return pauses_.size() >= count; });
    return pauses_;
  }
  void EndPauses(size_t count) {
    const std::lock_guard lock(mutex_);
    ended_ = count;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<int64_t> pauses_;
  size_t ended_ = 0;
};

}  // namespace jammi::events::test
