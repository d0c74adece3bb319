// Producer keys: what makes an append happen once, however often it is requested.
//
// The key of an append is a row beside its first event, written in the same transaction. Who looks a key up
// holds the topic's head, which every append of the topic must move, so no other can be under way: what is
// not found then was not written.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/catalog_backend.h"

namespace jammi {

// 1 to 256 bytes of UTF-8 without U+0000. Errors: kInvalidArgument.
[[nodiscard]] Result<void> CheckProducerKey(std::string_view key);

// Over the row count, the length and the checksum of every event, in order. It is stored.
[[nodiscard]] uint64_t ContentChecksum(const AppendRequest& request);

// The row of a key.
struct KeyRecord {
  uint64_t first_offset = 0;
  int64_t events = 0;
  uint64_t checksum = 0;  // ContentChecksum
  UnixMicros committed_at = 0;
};

// A request in a transaction that is about to commit.
struct PendingAppend {
  AppendRequest* request = nullptr;
  AppendOutcome* outcome = nullptr;
  bool settled = false;                         // nothing is to be written: a duplicate, or refused
  std::optional<Error> refused = std::nullopt;  // a conflict of keys; no head; no offset left

  [[nodiscard]] bool has_key() const { return !request->producer_key.empty(); }
  [[nodiscard]] const EventAppend& first() const { return request->events.front(); }
  [[nodiscard]] int64_t topic_no() const { return first().topic_no; }
};

// What becomes of the keyed appends to one topic within one transaction. The same key may come more than
// once.
class KeyedAppends {
 public:
  // In order. `known`: the row that is there of the append's key, if any. The append is settled by it, or
  // follows one that was added before, or is left to be written.
  void Add(PendingAppend& append, const std::optional<KeyRecord>& known);
  // The others have their outcomes: settles those that follow them.
  void Finish();

 private:
  struct Follower {
    PendingAppend* append;
    const PendingAppend* first;
  };
  std::map<std::pair<std::string, std::string_view>, const PendingAppend*> first_;  // by scope and key
  std::vector<Follower> followers_;
};

// Forgets the keys of a topic's events below `below_offset`, with those events, in their transaction.
[[nodiscard]] Result<void> DeleteProducerKeys(Transaction& tx, int64_t topic_no, int64_t below_offset);

}  // namespace jammi
