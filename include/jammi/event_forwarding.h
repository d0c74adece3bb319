// What becomes of the events that an engine forwards: how far it has come, and what went wrong. What is
// forwarded, and where to: `[events]` of the configuration.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "jammi/clock.h"
#include "jammi/error.h"
#include "jammi/ids.h"
#include "jammi/scope.h"

namespace jammi {

// A topic that this engine forwards, or would if no other engine did.
struct ForwardedTopic {
  TopicId id{Uuid{}};
  std::string name;
  Scope owner = Scope::Global();
  bool forwarding = false;  // here; else another engine does, or what keeps us from it is in last_error
  uint64_t lag = 0;         // events of the topic that no sink has acknowledged to this engine; 0 unless here
  uint64_t lost = 0;        // events that retention took before they were forwarded
  std::string last_error;   // empty: none since the last success
};

// What the sink of the configuration says of itself; of another sink nothing is known. Counted since the
// engine was opened, each event as often as it was given to it.
struct ForwardingSinkStatus {
  bool circuit_open = false;    // the receiver is away: events are refused at once, but for one now and then
  uint64_t circuit_opened = 0;  // how often
  uint64_t in_flight = 0;       // events without an outcome
  uint64_t emitted = 0;
  uint64_t acknowledged = 0;    // of these, a stream has them
  uint64_t duplicates = 0;      // of these, it had them already
  uint64_t acknowledge_us = 0;  // from sending to acknowledgement, summed up
  std::array<uint64_t, static_cast<size_t>(SinkFault::kClosed) + 1> failed = {};  // by SinkFault
};

// Counted since the engine was opened. Events here are CloudEvents: a row of a topic is one.
struct EventForwardingStatus {
  bool enabled = false;
  std::vector<ForwardedTopic> topics;
  uint64_t forwarded = 0;      // the sink has acknowledged them
  uint64_t retries = 0;        // attempts that failed, and were or will be made again
  uint64_t refused = 0;        // can never be sent, and were left out
  uint64_t dead_lettered = 0;  // of those, how many lie in the dead-letter directory
  uint64_t gaps = 0;           // times that events were lost to retention
  std::string last_error;      // empty: none so far
  UnixMicros last_error_at = 0;
  ForwardingSinkStatus sink = {};
};

}  // namespace jammi
