#include "jammi/events/backoff.h"

#include <algorithm>

namespace jammi::events {

std::chrono::milliseconds BackoffDelay(uint32_t attempt, std::chrono::milliseconds base,
                                       std::chrono::milliseconds cap) {
  auto delay = base;
  for (uint32_t i = 0; i < attempt && delay < cap && delay.count() > 0; ++i) delay *= 2;
  return std::min(delay, cap);
}

}  // namespace jammi::events
