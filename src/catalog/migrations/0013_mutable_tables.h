// Mutable tables: what they are. The rows of table n are in a table of its own, mt_n, which is made and
// dropped with its row here.
#pragma once

#include <string_view>

namespace jammi {

// A number is never used again, so that whoever has heard of a table can tell it from the next one of that
// name. `schema` is an Arrow IPC schema message; key, indexes and metadata are JSON.
inline constexpr std::string_view kMutableTablesMigration = R"sql(
INSERT INTO catalog_counters (name, next_value) VALUES ('table_no', 1);
CREATE TABLE mutable_tables (
  table_no      BIGINT NOT NULL PRIMARY KEY CHECK (table_no >= 1),
  scope         TEXT   NOT NULL DEFAULT '',
  table_id      TEXT   NOT NULL CHECK (length(table_id) >= 1),
  internal      BIGINT NOT NULL DEFAULT 0 CHECK (internal IN (0, 1)),
  schema        BLOB   NOT NULL,
  primary_key   TEXT   NOT NULL,
  indexes       TEXT   NOT NULL DEFAULT '[]',
  order_column  TEXT,
  chunk_size    BIGINT NOT NULL CHECK (chunk_size >= 1),
  user_metadata TEXT   NOT NULL DEFAULT '{}',
  change_topic  TEXT,
  created_at    BIGINT NOT NULL,
  UNIQUE (scope, table_id)
);
)sql";

}  // namespace jammi
