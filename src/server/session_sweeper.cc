#include "server/session_sweeper.h"

#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/log.h"

namespace jammi {
namespace {

void Sweep(SessionBindings& bindings, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto swept = bindings.SweepStep();
    if (!swept) {
      return Log(LogLevel::kWarning, "sessions cannot be swept, and will be later: {}",
                 swept.error().ToString());
    }
    if (*swept < SessionBindings::kSweepBatch) return;
  }
}

}  // namespace

SessionSweeper::SessionSweeper(SessionBindings bindings, std::chrono::milliseconds interval)
    : thread_([bindings = std::move(bindings), interval](const std::stop_token& stop) mutable {
        std::mutex mutex;
        std::condition_variable_any changed;
        std::unique_lock lock(mutex);
        while (!stop.stop_requested()) {
          Sweep(bindings, stop);
          changed.wait_for(lock, stop, interval, [] { return false; });
        }
      }) {}

}  // namespace jammi
