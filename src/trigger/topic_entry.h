// A topic as this process knows it: looked up once, then shared. Its schema may have grown elsewhere: events
// of later versions are read without the new columns, and what is published has a version that is valid
// still.
#pragma once

#include <cstdint>

#include "jammi/trigger.h"
#include "trigger/codec.h"

namespace jammi {

struct TopicEntry {
  Topic topic;
  int64_t topic_no = 0;  // the log's number for it
  EventCodec codec;
};

// Errors of operations on topics, worded in one place.
[[nodiscard]] inline Error TopicNotFound(std::string_view topic) {
  return Error(ErrorCode::kNotFound, "topic not found: " + std::string(topic),
               TopicNotFoundDetail{std::string(topic)});
}

[[nodiscard]] inline Error OffsetEvicted(uint64_t offset, uint64_t low_water) {
  return Error(ErrorCode::kFailedPrecondition,
               "offset " + std::to_string(offset) + " is gone; the oldest that can be read is " +
                   std::to_string(low_water),
               OffsetEvictedDetail{low_water});
}

}  // namespace jammi
