// The statements of the event log. Their plans are asserted by a test: each finds its rows by integer
// primary key, whatever the log's length.
#pragma once

#include <string_view>

#include "catalog/event_key.h"

namespace jammi::sqlite {

// Takes $2 offsets of topic $1 for $3 bytes at time $4; no row when the topic has no head, or when
// next_offset would reach $5.
constexpr std::string_view kAdvanceHead =
    "UPDATE topic_heads SET next_offset = next_offset + $2, events = events + $2, bytes = bytes + $3,"
    " last_committed_at = max(last_committed_at, $4)"
    " WHERE topic_no = $1 AND next_offset + $2 < $5"
    " RETURNING next_offset, last_committed_at";

constexpr std::string_view kInsertEvent =
    "INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload)"
    " VALUES ($1, $2, $3, $4, $5, $6)";

constexpr std::string_view kFindKey =
    "SELECT first_offset, events, checksum, committed_at FROM producer_keys"
    " WHERE topic_no = $1 AND scope = $2 AND producer_key = $3";

constexpr std::string_view kInsertKey =
    "INSERT INTO producer_keys (topic_no, scope, producer_key, first_offset, events, checksum, committed_at)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)";

constexpr std::string_view kReadHead = "SELECT low_water, next_offset FROM topic_heads WHERE topic_no = $1";

// Topic $1 from offset $2 on, at most $4 events, payloads for scope $3 and of global ones. The head comes
// with every row, and alone when there is no event to return.
constexpr std::string_view kReadPage =
    "SELECT h.low_water, h.next_offset, e.event_key, e.committed_at, e.scope, e.row_count, e.checksum,"
    " CASE WHEN e.scope = '' OR e.scope = $3 THEN e.payload END"
    " FROM topic_heads h LEFT JOIN events e"
    " ON e.event_key >= (h.topic_no << 40) + $2 AND e.event_key < (h.topic_no << 40) + h.next_offset"
    " AND $2 >= h.low_water"
    " WHERE h.topic_no = $1 ORDER BY e.event_key LIMIT $4";

constexpr std::string_view kCommitTime = "SELECT committed_at FROM events WHERE event_key = $1";

}  // namespace jammi::sqlite
