// What an engine was asked to do and what it acknowledged, kept outside of it: the model that its
// database is held against after a crash.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace jammi::test {

// One line of the ledger. Names and keys hold no space.
struct LedgerEntry {
  // kOnce: an event that is published under a producer key: it may be asked for and acknowledged again, and
  // is always the same one.
  enum class Kind : uint8_t { kTopic, kModel, kEvent, kOnce };
  Kind kind = Kind::kTopic;
  bool acknowledged = false;  // else it was only asked for
  std::string topic;          // kTopic, kEvent, kOnce
  std::string key;            // kModel: its name; of an event: what tells this event from all others
  uint64_t offset = 0;        // of an acknowledged event

  bool operator==(const LedgerEntry&) const = default;
};
std::string ToLine(const LedgerEntry& entry);
LedgerEntry FromLine(const std::string& line);  // REQUIRES: a line that ToLine() wrote

// Append-only and thread-safe. A crash remembers how long the ledger was at that moment: what was
// acknowledged by then must be there.
class Ledger {
 public:
  // `mirror` gets every entry before the call returns: how a process that will be killed tells its
  // parent.
  using Mirror = std::function<void(const LedgerEntry&)>;
  explicit Ledger(Mirror mirror = {}) : mirror_(std::move(mirror)) {}

  void Ask(LedgerEntry entry);          // before the call
  void Acknowledge(LedgerEntry entry);  // after it succeeded
  void Add(LedgerEntry entry);          // either, from another ledger

  [[nodiscard]] size_t length() const;
  [[nodiscard]] std::vector<LedgerEntry> entries() const;

 private:
  const Mirror mirror_;
  mutable std::mutex mutex_;
  std::vector<LedgerEntry> entries_;
};

// The events of one atomic publish under a producer key.
struct EventPair {
  std::string first;  // keys
  std::string second;
};
EventPair MakePair(std::string_view name, size_t size);
// The key of the other half; empty: this event is not of a pair.
std::string OtherHalf(std::string_view key);
[[nodiscard]] bool IsFirstHalf(std::string_view key);

// The bytes of the event `key`, "<name>/<size>": made from the key alone, so that what is read back can
// be held against them without a copy.
std::string MakeKey(std::string_view name, size_t size);
std::string PayloadOf(std::string_view key);
// The key of `payload` if these are exactly its bytes, else empty.
std::string KeyOf(std::string_view payload);

}  // namespace jammi::test
