// A topic's number is the upper part of its events' keys: 23 bits, offsets below it 40.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kTopicsMigration = R"sql(
INSERT INTO catalog_counters (name, next_value) VALUES ('topic_no', 1);
CREATE TABLE topics (
  topic_no INTEGER PRIMARY KEY CHECK (topic_no >= 1 AND topic_no < 8388608),
  topic_id TEXT NOT NULL UNIQUE CHECK (length(topic_id) = 36),
  scope TEXT NOT NULL DEFAULT '',
  name TEXT NOT NULL CHECK (length(name) > 0),
  schema BLOB NOT NULL,
  broker_metadata TEXT NOT NULL DEFAULT '{}',
  created_at BIGINT NOT NULL,
  dropped_at BIGINT
);
-- The name of a dropped topic is free.
CREATE UNIQUE INDEX topics_by_name ON topics (scope, name) WHERE dropped_at IS NULL;
CREATE INDEX topics_by_age ON topics (scope, created_at, topic_id) WHERE dropped_at IS NULL;
CREATE INDEX topics_dropped ON topics (topic_no) WHERE dropped_at IS NOT NULL;
CREATE TABLE topic_heads (
  topic_no INTEGER PRIMARY KEY REFERENCES topics (topic_no),
  next_offset BIGINT NOT NULL DEFAULT 0 CHECK (next_offset >= 0 AND next_offset < 1099511627776),
  low_water BIGINT NOT NULL DEFAULT 0 CHECK (low_water >= 0 AND low_water <= next_offset),
  events BIGINT NOT NULL DEFAULT 0 CHECK (events >= 0),
  bytes BIGINT NOT NULL DEFAULT 0 CHECK (bytes >= 0),
  last_committed_at BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE events (
  event_key INTEGER PRIMARY KEY,
  committed_at BIGINT NOT NULL,
  scope TEXT NOT NULL,
  row_count BIGINT NOT NULL CHECK (row_count >= 0),
  checksum BIGINT NOT NULL,
  payload BLOB NOT NULL
);
)sql";

}  // namespace jammi
