#include "jammi/events/retry.h"

#include <condition_variable>
#include <limits>
#include <mutex>

namespace jammi::events {
namespace {

class SystemPauseClock final : public PauseClock {
 public:
  [[nodiscard]] TimePoint Now() const override { return std::chrono::steady_clock::now(); }
  void Sleep(std::chrono::nanoseconds pause, const std::stop_token& stop) override {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait_for(lock, stop, pause, [] { return false; });
  }
};

}  // namespace

std::shared_ptr<PauseClock> PauseClock::System() {
  static const std::shared_ptr<PauseClock> clock = std::make_shared<SystemPauseClock>();
  return clock;
}

std::chrono::milliseconds RetryPause(uint32_t failed) {
  // 4^16 = 2^32 is the first that does not fit.
  const uint64_t factor =
      failed < 16 ? uint64_t{1} << (2 * failed) : uint64_t{std::numeric_limits<uint32_t>::max()};
  return std::chrono::milliseconds(100 * factor);
}

}  // namespace jammi::events
