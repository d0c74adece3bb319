// When to start a group: how many callers are worth waiting for, and how long.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace jammi::sqlite {

// Callers that a commit released together come back together: the next group waits for nine in ten of
// them, so that they share the next commit too. One caller alone is never waited for. Not thread-safe.
class GroupPolicy {
 public:
  using Duration = std::chrono::steady_clock::duration;

  explicit GroupPolicy(Duration max_wait) : max_wait_(max_wait) {}

  // A group has ended: it held `callers` that go on now, while `waiting` others had queued up already.
  void GroupEnded(int64_t callers, int64_t waiting) { expected_ = callers + waiting; }
  // What a group took from BEGIN to COMMIT.
  void GroupTook(Duration took) { usual_ = (usual_ * 7 + took) / 8; }

  [[nodiscard]] bool IsComplete(int64_t waiting_callers) const {
    return waiting_callers >= expected_ - expected_ / 10;
  }
  // A group is not waited for any longer when nobody has come for so long: to wait longer than a good
  // part of a commit costs more than the commit it might save.
  [[nodiscard]] Duration Patience() const {
    return std::min(max_wait_, std::max<Duration>(usual_ / 2, std::chrono::microseconds(50)));
  }
  // Nor longer than this altogether.
  [[nodiscard]] Duration MaxWait() const { return max_wait_; }

 private:
  const Duration max_wait_;
  int64_t expected_ = 0;
  Duration usual_ = std::chrono::microseconds(200);  // moving average
};

}  // namespace jammi::sqlite
