// What a process of the torture test says about what it does: a line for each call before it is made, for
// each answer, and for each event that it is given. The line is with the checker before the process goes on,
// so a kill takes no word back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "torture/events.h"

namespace jammi::test {

// The text of kEnded where the topic was dropped.
inline constexpr std::string_view kEndOfTopic = "end";

struct Record {
  enum class Kind : uint8_t {
    // A publish. `id` names the attempt.
    kAsk,           // topic, who, keys; flag: with a producer key, which is the event's
    kAcknowledged,  // offset of the first event
    kRefused,       // text: an error that says that nothing was changed
    kUnknown,       // text: an error that does not
    // A cursor. `id` names the attachment.
    kAttached,  // topic, who, predicate; offset: where it starts; text: the cursor, which may have been
                // attached before
    kGot,       // keys: the event's; offset, who published it, digest of the rows
    kPosition,  // offset: position() as another thread saw it; an event below may be on its way
    kEnded,     // offset: position() after the last event; text: why
    // A named consumer's cursor.
    kConsuming,    // as kAttached, `at` before the call; text: the consumer
    kAckAsked,     // offset: all below is done with
    kAckAnswered,  // the same, acknowledged durably
    // A cursor was told that events were trimmed. text: the cursor; topic; digest: the first that it wanted;
    // offset: the first that is there.
    kEvicted,
    // A topic that passes.
    kDropAsked,  // topic: the life
    kDropped,    // the same, acknowledged
    // The process.
    kReady,   // the engine is open, the topics are there
    kPaused,  // offset: the round; nothing is being published now
    kEvent,   // text: an error that is allowed, or what else happened; to be counted
    kBroken,  // text: a promise that the process itself saw broken
    kLeft,    // the engine is closed
  };
  Kind kind = Kind::kEvent;
  int64_t at = 0;  // microseconds on the machine's monotonic clock, which all processes share
  std::string id;
  std::string topic;
  Who who = 0;
  size_t predicate = 0;
  bool flag = false;
  uint64_t offset = 0;
  uint64_t digest = 0;
  std::vector<std::string> keys;
  std::string text;

  bool operator==(const Record&) const = default;
};

// One line without its end. Ids, topics and keys hold no space.
std::string ToLine(const Record& record);
// nullopt: not a line that ToLine() wrote.
std::optional<Record> RecordOf(std::string_view line);

}  // namespace jammi::test
