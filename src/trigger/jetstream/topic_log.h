// What went wrong with a topic's messages: counted, kept for who asks, logged without flooding the log.
#pragma once

#include <bit>
#include <mutex>
#include <string>
#include <string_view>

#include "base/log.h"
#include "jammi/clock.h"
#include "jammi/error.h"
#include "jammi/trigger.h"

namespace jammi {

// Thread-safe.
class TopicTroubles {
 public:
  explicit TopicTroubles(std::string topic) : topic_(std::move(topic)) {}

  // A message was left out. The 1st, 2nd, 4th, 8th, ... is logged.
  void Skipped(uint64_t stream_sequence, const Error& why) {
    uint64_t count = 0;
    {
      const std::lock_guard lock(mutex_);
      count = ++report_.skipped;
      NoteLocked(fmt::format("message {} was left out: {}", stream_sequence, why.message()));
    }
    if (std::has_single_bit(count)) {
      Log(LogLevel::kWarning, "topic {}: JetStream message {} was left out ({} so far): {}", topic_,
          stream_sequence, count, why.message());
    }
  }
  void Note(std::string_view what) {
    Log(LogLevel::kWarning, "topic {}: {}", topic_, what);
    const std::lock_guard lock(mutex_);
    NoteLocked(std::string(what));
  }
  [[nodiscard]] BrokerTopicReport report() const {
    const std::lock_guard lock(mutex_);
    return report_;
  }

 private:
  void NoteLocked(std::string what) {
    report_.last_error = std::move(what);
    report_.last_error_at = Clock::System()->Now();
  }

  const std::string topic_;
  mutable std::mutex mutex_;
  BrokerTopicReport report_;
};

}  // namespace jammi
