// A rate that is kept on average, with one second's allowance to be used at once.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "jammi/clock.h"

namespace jammi {

// Not thread-safe.
class TokenBucket {
 public:
  // `rate`: tokens a second, 1 or more. It is full at first.
  TokenBucket(int64_t rate, UnixMicros now)
      : rate_(rate), tokens_(static_cast<double>(rate)), filled_at_(now) {}

  // Microseconds until `cost` could be taken; 0: now. A cost above the rate is for a full bucket, which then
  // owes the rest: what is larger than a second's allowance passes, and is waited for afterwards.
  [[nodiscard]] int64_t WaitFor(int64_t cost, UnixMicros now) {
    Fill(now);
    const double missing = static_cast<double>(std::min(cost, rate_)) - tokens_;
    if (missing <= 0) return 0;
    return std::max<int64_t>(1, static_cast<int64_t>(std::ceil(missing * 1e6 / static_cast<double>(rate_))));
  }
  void Take(int64_t cost) { tokens_ -= static_cast<double>(cost); }
  // Of what the rate allows, how much is not there now.
  [[nodiscard]] int64_t used() const {
    return static_cast<int64_t>(std::ceil(static_cast<double>(rate_) - tokens_));
  }

 private:
  void Fill(UnixMicros now) {
    if (now < filled_at_) {
      // The clock was set back: what passes from now on counts.
      filled_at_ = now;
      return;
    }
    const double seconds = static_cast<double>(now - filled_at_) / 1e6;
    tokens_ = std::min(tokens_ + seconds * static_cast<double>(rate_), static_cast<double>(rate_));
    filled_at_ = now;
  }

  int64_t rate_;
  double tokens_;
  UnixMicros filled_at_;
};

}  // namespace jammi
