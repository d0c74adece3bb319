// How long an open circuit waits.
#pragma once

#include <chrono>
#include <cstdint>

namespace jammi::events {

inline constexpr std::chrono::milliseconds kBackoffBase{100};
inline constexpr std::chrono::milliseconds kBackoffCap{180'000};

// base × 2^attempt, at most `cap`: 100 ms, 200, ..., 102.4 s, then 180 s. Pure; no chance in it.
[[nodiscard]] std::chrono::milliseconds BackoffDelay(uint32_t attempt,
                                                     std::chrono::milliseconds base = kBackoffBase,
                                                     std::chrono::milliseconds cap = kBackoffCap);

}  // namespace jammi::events
