// How an engine gets on, for those who watch it.
#pragma once

#include <cstdint>
#include <string>

#include "jammi/clock.h"

namespace jammi {

enum class BrokerKind : uint8_t;  // jammi/trigger.h

// The engine's way to its broker. While a broker is away events are stored and delivered all the same: who
// subscribes to an engine reads the log.
struct BrokerStatus {
  BrokerKind kind = {};       // in memory
  bool connected = true;      // one that has no server always is; of another's driver nothing else is known
  std::string reason = {};    // why it is not, without secrets; empty: it is
  UnixMicros changed_at = 0;  // when a connection was made or lost last; 0: never
  uint64_t connections = 0;   // made so far
  uint64_t published = 0;     // events that its server has acknowledged
  uint64_t failed = 0;        // attempts at that in vain; the engine tries again
};

// Feeds are what the subscriptions to a topic share. Counted since the engine was opened.
struct FeedStats {
  uint64_t feeds = 0;         // topics that somebody subscribes to here, now
  uint64_t pages_read = 0;    // from the log, for subscriptions that lag behind
  uint64_t pages_shared = 0;  // found in memory instead
  uint64_t evaluations = 0;   // of a predicate on the rows of an event
};

}  // namespace jammi
