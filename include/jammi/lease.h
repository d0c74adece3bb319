// Leases: the right to work on a stored thing for a while. Whoever claims it holds it until the lease
// expires, unless he renews it; then another may claim it. All times are the database's, so that the clocks
// of the holders' machines do not matter.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "jammi/clock.h"

namespace jammi {

// A shorter lease is gone before its holder knows of it; a longer one hides a dead holder for a day.
constexpr std::chrono::milliseconds kMinLease{1};
constexpr std::chrono::hours kMaxLease{24};

// What the holder shows with every write. The epoch grows by one with each claim of the thing and never
// falls, so that a holder of the past is refused, even where the present one has the same name, and even
// where the thing was deleted and made again under its name.
struct LeaseToken {
  std::string holder;  // 1..256 bytes of UTF-8 without U+0000
  int64_t epoch = 0;
  bool operator==(const LeaseToken&) const = default;
};

// What a renewal answers.
struct LeaseRenewal {
  UnixMicros expires_at = 0;      // on the database's clock
  bool cancel_requested = false;  // the holder shall stop and say so; the lease is renewed nevertheless
  bool operator==(const LeaseRenewal&) const = default;
};

}  // namespace jammi
