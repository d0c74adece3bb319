// An event's key in the events table: topic_no << 40 | offset.
#pragma once

#include <cstdint>

namespace jammi {

constexpr int kOffsetBits = 40;
constexpr int64_t kOffsetLimit = int64_t{1} << kOffsetBits;  // next_offset stays below it
constexpr int64_t EventKey(int64_t topic_no, int64_t offset) { return (topic_no << kOffsetBits) + offset; }

}  // namespace jammi
