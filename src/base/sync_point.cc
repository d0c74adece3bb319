#include "base/sync_point.h"

#include <atomic>
#include <map>
#include <mutex>

namespace jammi {
namespace {

std::atomic<bool> any = false;
std::mutex mutex;
std::map<std::string, std::function<void()>, std::less<>>& Points() {
  static std::map<std::string, std::function<void()>, std::less<>> points;
  return points;
}

}  // namespace

void SetSyncPoint(std::string name, std::function<void()> callback) {
  const std::lock_guard lock(mutex);
  Points()[std::move(name)] = std::move(callback);
  any = true;
}

void ClearSyncPoints() {
  const std::lock_guard lock(mutex);
  Points().clear();
  any = false;
}

bool AnySyncPoint() { return any.load(std::memory_order_relaxed); }

void HitSyncPoint(std::string_view name) {
  std::function<void()> callback;
  {
    const std::lock_guard lock(mutex);
    const auto found = Points().find(name);
    if (found != Points().end()) callback = found->second;
  }
  if (callback) callback();  // outside the lock: it may block
}

}  // namespace jammi
