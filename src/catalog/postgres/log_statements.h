// The statements of the event log on PostgreSQL. Each finds its rows by primary key, whatever the log's
// length.
#pragma once

#include <string_view>

namespace jammi::postgres {

// Takes $2 offsets of topic $1 for $3 bytes, and writes the events; no row when the topic has no head, or
// when next_offset would reach $4. An UPDATE that had to wait for the head computes its values again from
// the head it found then, so that times never fall.
// Every commit leaves a dead version of the head. While an old snapshot is held they cannot be removed, and
// the way to the head by its key leads past all of them. So the head is looked for where it was put last, at
// $9, and by its key only if it is no longer there.
#define JAMMI_TAKE_OFFSETS(where)                                                     \
  " UPDATE topic_heads SET next_offset = next_offset + $2, events = events + $2,"     \
  " bytes = bytes + $3, last_committed_at = GREATEST(last_committed_at, jammi_now())" \
  " WHERE topic_no = $1 AND next_offset + $2 < $4 AND " where                         \
  " RETURNING next_offset - $2 AS first_offset, last_committed_at, CAST(ctid AS TEXT) AS place"
constexpr std::string_view kAppendToTopic =
    "WITH near AS (" JAMMI_TAKE_OFFSETS("ctid = CAST(CAST($9 AS TEXT) AS tid)") "),"
    " far AS (" JAMMI_TAKE_OFFSETS("NOT EXISTS (SELECT 1 FROM near)") "),"
    " head AS (SELECT * FROM near UNION ALL SELECT * FROM far),"
    " written AS ("
    " INSERT INTO events (event_key, committed_at, scope, row_count, checksum, payload)"
    " SELECT (CAST($1 AS BIGINT) << 40) + head.first_offset + e.n - 1, head.last_committed_at, e.scope,"
    " e.row_count, e.checksum, e.payload"
    " FROM head, unnest(CAST($5 AS TEXT[]), CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[]), CAST($8 AS BYTEA[]))"
    " WITH ORDINALITY AS e (scope, row_count, checksum, payload, n))"
    " SELECT first_offset, last_committed_at, place FROM head";
#undef JAMMI_TAKE_OFFSETS

// Holds the head of topic $1, looked for as above at $2, to the end of the transaction.
#define JAMMI_HOLD_HEAD(where) \
  " SELECT next_offset FROM topic_heads WHERE topic_no = $1 AND " where " FOR NO KEY UPDATE"
constexpr std::string_view kHoldHead =
    "WITH near AS (" JAMMI_HOLD_HEAD("ctid = CAST(CAST($2 AS TEXT) AS tid)") "),"
    " far AS (" JAMMI_HOLD_HEAD("NOT EXISTS (SELECT 1 FROM near)") ")"
    " SELECT next_offset FROM near UNION ALL SELECT next_offset FROM far";
#undef JAMMI_HOLD_HEAD

// What is there of the producer keys $3 of the scopes $2 of topic $1, and which it is of, from 1 on.
constexpr std::string_view kFindKeys =
    "SELECT a.n, k.first_offset, k.events, k.checksum, k.committed_at"
    " FROM unnest(CAST($2 AS TEXT[]), CAST($3 AS TEXT[])) WITH ORDINALITY AS a (scope, producer_key, n)"
    " JOIN producer_keys k"
    " ON k.topic_no = $1 AND k.scope = a.scope AND k.producer_key = a.producer_key";

// Keys of topic $1, whose head has just moved to $2; nothing when it did not.
constexpr std::string_view kInsertKeys =
    "INSERT INTO producer_keys (topic_no, scope, producer_key, first_offset, events, checksum, committed_at)"
    " SELECT h.topic_no, a.scope, a.producer_key, a.first_offset, a.events, a.checksum, h.last_committed_at"
    " FROM topic_heads h, unnest(CAST($3 AS TEXT[]), CAST($4 AS TEXT[]), CAST($5 AS BIGINT[]),"
    " CAST($6 AS BIGINT[]), CAST($7 AS BIGINT[])) AS a (scope, producer_key, first_offset, events, checksum)"
    " WHERE h.topic_no = $1 AND h.next_offset = $2";

constexpr std::string_view kCountHeads = "SELECT count(*) FROM topic_heads WHERE topic_no = $1";

constexpr std::string_view kReadHead = "SELECT low_water, next_offset FROM topic_heads WHERE topic_no = $1";

// Of the topics in $1, "{7,9}".
constexpr std::string_view kReadNamedHeads =
    "SELECT topic_no, next_offset FROM topic_heads"
    " WHERE topic_no = ANY (CAST(CAST($1 AS TEXT) AS BIGINT[]))";

// $2 of all, from the first above $1 on.
constexpr std::string_view kReadHeads =
    "SELECT topic_no, next_offset FROM topic_heads WHERE topic_no > $1 ORDER BY topic_no LIMIT $2";

// Topic $1 from offset $2 on, at most $4 events, and up to the one that does not fit into $5 bytes of
// payload; payloads for scope $3 and global ones. The head comes with every row, and alone when there is
// no event to return. The length of a payload is known without reading it (STORAGE EXTERNAL).
constexpr std::string_view kReadPage =
    "SELECT h.low_water, h.next_offset, p.event_key, p.committed_at, p.scope, p.row_count, p.checksum,"
    " CASE WHEN p.visible THEN p.payload END"
    " FROM topic_heads h LEFT JOIN LATERAL ("
    " SELECT e.*, row_number() OVER (ORDER BY e.event_key) AS n, sum(CASE WHEN e.visible THEN "
    "octet_length(e.payload) ELSE 0 END) OVER w AS before"
    " FROM (SELECT *, scope = '' OR scope = $3 AS visible FROM events"
    " WHERE event_key >= (h.topic_no << 40) + $2 AND event_key < (h.topic_no << 40) + h.next_offset"
    " AND $2 >= h.low_water ORDER BY event_key LIMIT $4) e"
    " WINDOW w AS (ORDER BY e.event_key ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) p"
    " ON p.n <= 2 OR p.before <= $5"
    " WHERE h.topic_no = $1 ORDER BY p.event_key";

// The first offset of topic $1 committed at or after $2, by halving; next_offset when there is none, NULL
// when an event is missing. No row: the topic has no head.
constexpr std::string_view kFindTime =
    "WITH RECURSIVE span (topic_no, low, high) AS ("
    " SELECT topic_no, low_water, next_offset FROM topic_heads WHERE topic_no = $1"
    " UNION ALL"
    " SELECT s.topic_no, CASE WHEN e.committed_at < $2 THEN (s.low + s.high) / 2 + 1 ELSE s.low END,"
    " CASE WHEN e.committed_at < $2 THEN s.high ELSE (s.low + s.high) / 2 END"
    " FROM span s JOIN LATERAL (SELECT committed_at FROM events"
    " WHERE event_key = (s.topic_no << 40) + (s.low + s.high) / 2) e ON s.low < s.high)"
    " SELECT CASE WHEN low = high THEN low END, low + (high - low) / 2 FROM span ORDER BY high - low LIMIT 1";

}  // namespace jammi::postgres
