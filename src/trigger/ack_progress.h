// How far one reader of a consumer has come: what was looked at, delivered, acknowledged, and written.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

namespace jammi {

// Positions, all of them: what lies below them is meant. Not thread-safe.
class AckProgress {
 public:
  explicit AckProgress(uint64_t position)
      : looked_at_(position), delivered_(position), acked_(position), flushed_(position) {}

  [[nodiscard]] uint64_t delivered() const { return delivered_; }
  // All below it is acknowledged, or was left out by the predicate or the tenant.
  [[nodiscard]] uint64_t acked() const { return acked_; }
  // What the catalog knows of that.
  [[nodiscard]] uint64_t flushed() const { return flushed_; }
  [[nodiscard]] bool dirty() const { return acked_ > flushed_; }

  // All events below `position` were looked at, and those that are not delivered are to be left out.
  void LookedAt(uint64_t position) {
    looked_at_ = std::max(looked_at_, position);
    LeaveOut();
  }
  // The event comes next; all before it were looked at.
  void Delivered(uint64_t offset) {
    LookedAt(offset);
    looked_at_ = delivered_ = offset + 1;
  }
  // False: it was not delivered, and nothing is changed.
  [[nodiscard]] bool Ack(uint64_t offset) {
    if (offset >= delivered_) return false;
    acked_ = std::max(acked_, offset + 1);
    LeaveOut();
    return true;
  }
  void Flushed(uint64_t position) { flushed_ = std::max(flushed_, position); }

 private:
  // With nothing outstanding, what was left out is done with: else a reader who wants little would look at it
  // again after each restart.
  void LeaveOut() {
    if (acked_ >= delivered_) acked_ = looked_at_;
  }

  uint64_t looked_at_;
  uint64_t delivered_;
  uint64_t acked_;
  uint64_t flushed_;
};

}  // namespace jammi
