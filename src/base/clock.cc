#include "jammi/clock.h"

namespace jammi {
namespace {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] UnixMicros Now() const override {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since_epoch).count();
  }
};

}  // namespace

std::shared_ptr<Clock> Clock::System() {
  static const std::shared_ptr<Clock> clock = std::make_shared<SystemClock>();
  return clock;
}

Deadline Deadline::After(std::chrono::nanoseconds wait) {
  const auto now = SteadyClock::now();
  if (wait >= SteadyClock::time_point::max() - now) return Never();
  return Deadline(now + wait);
}

}  // namespace jammi
