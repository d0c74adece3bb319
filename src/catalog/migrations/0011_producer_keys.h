// What makes a publish happen once: the key that a producer gave it, beside its first event.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kProducerKeysMigration = R"sql(
-- A key lives as long as its first event. It goes with it, when the log is trimmed and when a dropped topic is
-- purged: both go by offset. The scope is the publisher's.
CREATE TABLE producer_keys (
  topic_no     INTEGER NOT NULL,
  scope        TEXT    NOT NULL DEFAULT '',
  producer_key TEXT    NOT NULL CHECK (length(producer_key) >= 1),
  first_offset BIGINT  NOT NULL CHECK (first_offset >= 0 AND first_offset < 1099511627776),
  events       BIGINT  NOT NULL CHECK (events >= 1),
  checksum     BIGINT  NOT NULL,
  committed_at BIGINT  NOT NULL,
  PRIMARY KEY (topic_no, scope, producer_key)
);
CREATE INDEX producer_keys_by_offset ON producer_keys (topic_no, first_offset);
)sql";

}  // namespace jammi
