// Ephemeral sessions: what must be dropped once they are closed, have timed out, or have lost their engine.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kEphemeralSessionsMigration = R"sql(
-- A row is there as long as the session, or a table of it, is.
CREATE TABLE ephemeral_sessions (
  scope            TEXT   NOT NULL CHECK (length(scope) = 36),
  session_id       TEXT   NOT NULL CHECK (length(session_id) = 36),
  created_at       BIGINT NOT NULL,
  -- NULL: never.
  deadline         BIGINT,
  -- NULL: it is open. Else why it ends, which is decided once.
  ending           TEXT   CHECK (ending IN ('closed', 'timed_out', 'engine_lost')),
  -- What has been dropped so far, and how often that came to no end.
  dropped_tables   BIGINT NOT NULL DEFAULT 0,
  deleted_rows     BIGINT NOT NULL DEFAULT 0,
  failures         BIGINT NOT NULL DEFAULT 0,
  -- 1: its tenant has been told that tables survive it.
  announced        BIGINT NOT NULL DEFAULT 0 CHECK (announced IN (0, 1)),
  -- Of an open session: the engine that has it, never beyond the deadline. Of one that ends: who drops it.
  lease_holder     TEXT   NOT NULL,
  lease_epoch      BIGINT NOT NULL CHECK (lease_epoch >= 1),
  lease_expires_at BIGINT NOT NULL,
  PRIMARY KEY (scope, session_id)
);
CREATE INDEX ephemeral_sessions_due ON ephemeral_sessions (lease_expires_at);
CREATE INDEX ephemeral_sessions_holder ON ephemeral_sessions (lease_holder);
)sql";

}  // namespace jammi
