// A sink that does as a test says, and remembers what it was given.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "jammi/events/event.h"
#include "jammi/events/sink.h"

namespace jammi::test {

inline Error SinkError(SinkFault fault, int64_t remaining_ms = 0) {
  return Error(ErrorCode::kUnavailable, std::string(ToString(fault)),
               SinkDetail{.fault = fault, .remaining_ms = remaining_ms});
}

class ScriptedSink final : public events::EventSink {
 public:
  using Script = std::function<Result<void>(const events::Event& event)>;

  // What becomes of events from now on. Called under the lock.
  void Play(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
  }
  // Nothing has an outcome until Release().
  void Hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
  }
  void Release() {
    std::vector<std::pair<events::Event, Done>> held;
    {
      const std::lock_guard lock(mutex_);
      holding_ = false;
      held.swap(held_);
    }
    for (auto& [event, done] : held) EmitAsync(event, std::move(done));
  }

  Result<void> Emit(const events::Event& event) override {
    const std::lock_guard lock(mutex_);
    return Take(event);
  }
  void EmitAsync(const events::Event& event, Done done) override {
    Result<void> result;
    {
      const std::lock_guard lock(mutex_);
      if (holding_) {
        held_.emplace_back(event, std::move(done));
        changed_.notify_all();
        return;
      }
      result = Take(event);
    }
    done(std::move(result));
  }
  Result<void> Flush(Deadline /*deadline*/) override { return {}; }
  Result<void> Close(Deadline /*deadline*/) override { return {}; }

  // A stream that knows message ids: every event once, in the order in which each came first. Waits until
  // there are `count`.
  [[nodiscard]] std::vector<events::Event> Stream(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [&] { return stream_.size() >= count; }))
        << stream_.size() << " of " << count;
    return stream_;
  }
  // Waits until so many were given, taken or not.
  void AwaitTries(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [&] { return tries_ >= count; }));
  }
  void AwaitHeld(size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, kLong, [&] { return held_.size() >= count; }));
  }
  [[nodiscard]] size_t tries() const {
    const std::lock_guard lock(mutex_);
    return tries_;
  }
  [[nodiscard]] size_t doubles() const {
    const std::lock_guard lock(mutex_);
    return doubles_;
  }
  [[nodiscard]] size_t held() const {
    const std::lock_guard lock(mutex_);
    return held_.size();
  }

 private:
  static constexpr std::chrono::seconds kLong{30};

  Result<void> Take(const events::Event& event) {
    ++tries_;
    changed_.notify_all();
    if (script_ != nullptr) {
      if (auto played = script_(event); !played) return played;
    }
    if (ids_.insert(event.source + '\0' + event.id).second) {
      stream_.push_back(event);
    } else {
      ++doubles_;
    }
    return {};
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Script script_;
  bool holding_ = false;
  std::vector<std::pair<events::Event, Done>> held_;
  std::vector<events::Event> stream_;
  std::set<std::string> ids_;
  size_t tries_ = 0;
  size_t doubles_ = 0;
};

}  // namespace jammi::test
