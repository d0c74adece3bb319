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

}  // namespace jammi
