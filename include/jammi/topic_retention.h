// How long the log keeps a topic's events, and what it has of them now.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "jammi/clock.h"

namespace jammi {

// What is absent is as the configuration says under [trigger.retention]; 0 is without limit. The oldest
// events go, in the background, a moment after a limit was passed. Offsets never come again, whatever goes.
struct TopicRetention {
  std::optional<std::chrono::microseconds> max_age;  // since the event was committed
  // Of payload, as stored. The newest event stays, however large it is, unless it is too old.
  std::optional<int64_t> max_bytes;
  std::optional<int64_t> max_events;
  // What a named consumer of the topic's owner has not acknowledged stays, whatever the limits say. (Other
  // scopes' consumers of a global topic hold nothing back: one tenant could fill everybody's disk.)
  std::optional<bool> keep_for_consumers;
  bool operator==(const TopicRetention&) const = default;
};

// At one moment.
struct TopicStats {
  uint64_t low_water = 0;    // the oldest offset that can be read; so many events have been trimmed
  uint64_t next_offset = 0;  // what the next event gets
  uint64_t events = 0;       // retained
  // Of their payloads; absent to a scope that sees the topic and does not own it: others publish there, too.
  std::optional<uint64_t> bytes;
  std::optional<UnixMicros> oldest_at;  // when the oldest retained event was committed; absent: there is none
  std::optional<UnixMicros> newest_at;  // likewise
  TopicRetention retention = {};        // what holds: the topic's own settings, else the configuration's
};

// What this engine has taken out of the log since it was opened. (Of several engines on a catalog one at a
// time does it.)
struct RetentionStats {
  uint64_t rounds = 0;         // looks at all topics, those that failed included
  uint64_t failed_rounds = 0;  // the log says why
  uint64_t trimmed_events = 0;
  uint64_t trimmed_bytes = 0;
  uint64_t purged_events = 0;  // of dropped topics
  uint64_t purged_bytes = 0;
  uint64_t purged_topics = 0;
};

}  // namespace jammi
