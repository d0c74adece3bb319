// Puts events into the log, as the last statements of a transaction before its COMMIT.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "catalog/postgres/connection.h"
#include "jammi/catalog_backend.h"

namespace jammi::postgres {

// An event that is to get its offset.
struct PendingEvent {
  EventAppend* event = nullptr;
  AppendOutcome* outcome = nullptr;
  std::optional<Error> refused = std::nullopt;  // its topic has no head, or no offset left
};

// Gives every event its offset and writes it: one statement per topic, topics in order of their numbers
// (every process locks heads in this order, so they do not wait in circles), all in one round trip. The
// order of events of a topic stays. `events` is sorted by topic. `before` is sent in front. Times are
// jammi_now().
// An error is one of the whole transaction; an event that its topic cannot take is `refused`, and then
// nothing was written to that topic.
[[nodiscard]] Result<std::vector<ResultSet>> WriteEvents(Connection& connection,
                                                         std::span<const Statement> before,
                                                         std::vector<PendingEvent>& events);

}  // namespace jammi::postgres
