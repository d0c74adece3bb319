// Puts events into the log, as the last statements of a transaction before its COMMIT.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "catalog/postgres/connection.h"
#include "catalog/producer_keys.h"

namespace jammi::postgres {

// Where the heads of topics were put last, as the server names a row's place. A hint: what is wrong is only
// slow. Thread-safe.
class HeadPlaces {
 public:
  [[nodiscard]] std::string Get(int64_t topic_no) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(topic_no);
    return found == places_.end() ? "(0,0)" : found->second;  // no row is there
  }
  void Set(int64_t topic_no, std::string_view place) {
    const std::lock_guard lock(mutex_);
    places_[topic_no] = place;
  }

 private:
  std::mutex mutex_;
  std::unordered_map<int64_t, std::string> places_;
};

// Gives every event its offset and writes it: one statement per topic, topics in order of their numbers
// (every process locks heads in this order, so they do not wait in circles), all in one round trip. Where
// one of the appends has a producer key there is a round trip before it, which takes the heads and looks the
// keys up. The order of appends of a topic stays. `appends` is sorted by topic. `before` is sent in front.
// Times are jammi_now().
// An error is one of the whole transaction. An append that its topic cannot take, or whose key is in
// conflict, is `refused`: nothing of it was written.
[[nodiscard]] Result<void> WriteEvents(Connection& connection, std::span<const Statement> before,
                                       std::vector<PendingAppend>& appends, HeadPlaces& places);

}  // namespace jammi::postgres
