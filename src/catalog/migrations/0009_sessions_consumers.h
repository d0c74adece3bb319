// Which tenant a client's session is bound to, and how far named consumers have read their topics.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kSessionsConsumersMigration = R"sql(
-- A session is known by the SHA-256 of its id.
CREATE TABLE session_bindings (
  session_hash BLOB   NOT NULL PRIMARY KEY CHECK (length(session_hash) = 32),
  scope        TEXT   NOT NULL CHECK (length(scope) = 36),
  revision     BIGINT NOT NULL CHECK (revision >= 1),
  expires_at   BIGINT NOT NULL
);
CREATE INDEX session_bindings_expiry ON session_bindings (expires_at);
-- How many there are, so that a limit is kept without counting.
CREATE TABLE session_totals (
  id       BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
  sessions BIGINT NOT NULL CHECK (sessions >= 0)
);
INSERT INTO session_totals (id, sessions) VALUES (1, 0);

-- A consumer lives as long as its topic's head: dropping the topic deletes that, and so its consumers.
CREATE TABLE consumers (
  topic_no         INTEGER NOT NULL REFERENCES topic_heads (topic_no) ON DELETE CASCADE,
  scope            TEXT    NOT NULL DEFAULT '',
  name             TEXT    NOT NULL CHECK (length(name) >= 1),
  predicate        TEXT    NOT NULL DEFAULT '',
  start_position   BIGINT  NOT NULL CHECK (start_position >= 0 AND start_position < 1099511627776),
  acked_position   BIGINT  NOT NULL CHECK (acked_position >= 0 AND acked_position < 1099511627776),
  incarnation      TEXT    NOT NULL CHECK (length(incarnation) = 36),
  lease_holder     TEXT,
  lease_epoch      BIGINT  NOT NULL DEFAULT 0 CHECK (lease_epoch >= 0),
  lease_expires_at BIGINT,
  created_at       BIGINT  NOT NULL,
  PRIMARY KEY (topic_no, scope, name),
  CHECK ((lease_holder IS NULL) = (lease_expires_at IS NULL))
);
)sql";

}  // namespace jammi
