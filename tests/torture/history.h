// All that the processes of a torture run have said, put together: the model that the log and every
// delivery are held against.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "torture/record.h"

namespace jammi::test {

// One attempt to publish: one event or several that belong together.
struct Attempt {
  enum class Answer : uint8_t { kNone, kAcknowledged, kRefused, kUnknown };
  std::string topic;
  Who who = 0;
  bool keyed = false;
  std::vector<std::string> keys;
  int64_t asked_at = 0;
  Answer answer = Answer::kNone;
  int64_t answered_at = 0;
  uint64_t offset = 0;  // of the first event, if acknowledged
  std::string error;
};

struct Got {
  std::string key;
  uint64_t offset = 0;
  uint64_t digest = 0;
  Who publisher = 0;
};

// A cursor, from its attachment to its end or its process's.
struct Attachment {
  std::string id;
  std::string cursor;  // or the named consumer's
  bool named = false;
  std::string topic;
  Who reader = 0;
  size_t predicate = 0;
  uint64_t start = 0;
  int64_t attached_at = 0;  // of a named consumer: when that was asked for
  std::vector<Got> got;
  uint64_t position = 0;          // as last seen
  std::optional<uint64_t> ended;  // position() when it ended
  std::string why_ended;
  std::optional<uint64_t> evicted_to;  // the low water that the cursor was told by then
  // Of a named consumer.
  uint64_t ack_asked = 0;                           // the highest
  std::vector<std::pair<int64_t, uint64_t>> acked;  // when, and below what

  // Where a new attachment goes on: behind what is known to have been delivered, or was trimmed.
  [[nodiscard]] uint64_t Resume() const;
};

// A cursor was told that what it wanted was trimmed.
struct Eviction {
  std::string cursor;
  std::string topic;
  uint64_t wanted = 0;
  uint64_t low_water = 0;
};

// Not thread-safe.
struct History {
  std::vector<Attempt> attempts;
  std::vector<Attachment> attachments;  // in the order in which they were heard of
  std::vector<Eviction> evictions;
  std::vector<std::string> broken;         // promises that a process saw broken, lines that make no sense
  std::map<std::string, uint64_t> events;  // what was to be counted
  // By life of a topic: when it was dropped, first asked and first acknowledged.
  std::map<std::string, int64_t> drop_asked;
  std::map<std::string, int64_t> dropped;

  void Add(const Record& record);

  // By topic: an offset above all that were acknowledged.
  [[nodiscard]] const std::map<std::string, uint64_t>& acknowledged() const { return acknowledged_; }
  // The newest attachment of the cursor; of a named consumer, which several processes may hold in turn, the
  // one that has come furthest.
  [[nodiscard]] const Attachment* Newest(const std::string& cursor) const;
  // Publishes with a producer key that are not acknowledged yet.
  [[nodiscard]] std::vector<const Attempt*> Unfinished() const;

 private:
  // False: it does not follow from what was heard before.
  bool Ask(const Record& record);
  bool Answer(const Record& record, Attempt::Answer answer);
  bool Attach(const Record& record);
  bool Follow(const Record& record);
  void Evict(const Record& record);

  std::unordered_map<std::string, size_t> attempt_;
  std::unordered_map<std::string, size_t> attachment_;
  std::unordered_map<std::string, size_t> newest_;
  std::map<std::string, uint64_t> acknowledged_;
  std::map<std::string, size_t> unfinished_;  // by their first event's key
};

}  // namespace jammi::test
