// Reads a topic's log for somebody who has no subscription.
#pragma once

#include "catalog/event_log.h"
#include "jammi/topic_read.h"
#include "trigger/topic_entry.h"

namespace jammi {

// What `reader` sees from `from` on. `limit` is of one read from the log; there are a few at most.
// Errors: as Session::ReadTopic.
[[nodiscard]] Result<EventPage> ReadEvents(EventLog& log, const PageLimit& limit, const TopicEntry& topic,
                                           const Scope& reader, const Position& from,
                                           const ReadOptions& options);

}  // namespace jammi
