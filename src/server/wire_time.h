// Times of the engine as messages of the wire, and back.
#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <chrono>
#include <cstdint>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi {

inline constexpr int64_t kMicrosPerSecond = 1'000'000;

[[nodiscard]] inline google::protobuf::Timestamp ToTimestamp(UnixMicros time) {
  google::protobuf::Timestamp timestamp;
  int64_t seconds = time / kMicrosPerSecond;
  int64_t micros = time % kMicrosPerSecond;
  if (micros < 0) {
    micros += kMicrosPerSecond;
    --seconds;
  }
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(micros * 1000));
  return timestamp;
}

// What lies within a microsecond is cut off. Errors: kInvalidArgument: it is not between the years 1 and
// 9999, or its nanoseconds are none.
[[nodiscard]] inline Result<UnixMicros> FromTimestamp(const google::protobuf::Timestamp& timestamp) {
  constexpr int64_t kFirst = -62'135'596'800;
  constexpr int64_t kLast = 253'402'300'799;
  const bool valid = timestamp.seconds() >= kFirst && timestamp.seconds() <= kLast &&
                     timestamp.nanos() >= 0 && timestamp.nanos() < 1'000'000'000;
  if (!valid) return Error(ErrorCode::kInvalidArgument, "a timestamp that is out of range");
  return timestamp.seconds() * kMicrosPerSecond + timestamp.nanos() / 1000;
}

[[nodiscard]] inline google::protobuf::Duration ToDuration(std::chrono::microseconds span) {
  google::protobuf::Duration duration;
  duration.set_seconds(span.count() / kMicrosPerSecond);
  duration.set_nanos(static_cast<int32_t>(span.count() % kMicrosPerSecond) * 1000);
  return duration;
}

// Errors: kInvalidArgument: it is negative, longer than 10,000 years, or its nanoseconds are none.
[[nodiscard]] inline Result<std::chrono::microseconds> FromDuration(
    const google::protobuf::Duration& duration) {
  constexpr int64_t kLongest = 315'576'000'000;
  const bool valid = duration.seconds() >= 0 && duration.seconds() <= kLongest && duration.nanos() >= 0 &&
                     duration.nanos() < 1'000'000'000;
  if (!valid) return Error(ErrorCode::kInvalidArgument, "a duration that is negative or out of range");
  return std::chrono::microseconds(duration.seconds() * kMicrosPerSecond + duration.nanos() / 1000);
}

}  // namespace jammi
