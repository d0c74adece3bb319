// Result tables as a builder leases them, what they were made from, and the segments of their index. No
// verb ever wrote the table that 0003 made, so it is made again.
#pragma once

#include <string_view>

namespace jammi {

// A build is leased as catalog/lease.h has it. `inputs` is the list that a table was promoted with;
// result_table_inputs has its edges, so that the tables made from something are found by an index; made_at is
// their created_at, by which lists are read. An edge is there exactly while its table is ready.
inline constexpr std::string_view kResultTablesMigration = R"sql(
DROP TABLE result_tables;

CREATE TABLE result_tables (
  scope             TEXT   NOT NULL DEFAULT '',
  table_name        TEXT   NOT NULL CHECK (length(table_name) > 0),
  kind              TEXT   NOT NULL CHECK (kind IN ('model', 'neighbor_graph', 'asof_join')),
  source_id         TEXT   NOT NULL CHECK (length(source_id) > 0),
  model_uid         TEXT   REFERENCES models (model_uid),
  task              TEXT   NOT NULL CHECK (task IN ('text_embedding', 'image_embedding', 'audio_embedding',
                                                    'classification', 'ner', 'regression')),
  parquet_path      TEXT   NOT NULL,
  dimensions        BIGINT CHECK (dimensions BETWEEN 1 AND 2147483647),
  distance_metric   TEXT   NOT NULL DEFAULT 'cosine' CHECK (distance_metric IN ('cosine')),
  storage_precision TEXT   CHECK (storage_precision IN ('f32', 'f16', 'int8', 'binary')),
  oversample        BIGINT CHECK (oversample BETWEEN 1 AND 2147483647),
  key_column        TEXT,
  text_columns      TEXT   NOT NULL DEFAULT '[]',
  derived_scope     TEXT,
  derived_from      TEXT,
  status            TEXT   NOT NULL CHECK (status IN ('building', 'ready', 'failed')),
  lease_holder      TEXT,
  lease_epoch       BIGINT NOT NULL CHECK (lease_epoch >= 1),
  lease_expires_at  BIGINT,
  checkpoint        BIGINT CHECK (checkpoint >= 0),
  row_count         BIGINT NOT NULL DEFAULT 0 CHECK (row_count >= 0),
  definition_hash   TEXT,
  inputs            TEXT   NOT NULL DEFAULT '[]',
  next_segment_id   BIGINT NOT NULL DEFAULT 0 CHECK (next_segment_id >= 0),
  created_at        BIGINT NOT NULL,
  completed_at      BIGINT,
  PRIMARY KEY (scope, table_name),
  FOREIGN KEY (derived_scope, derived_from) REFERENCES result_tables (scope, table_name),
  CHECK (kind <> 'model' OR model_uid IS NOT NULL),
  CHECK ((derived_scope IS NULL) = (derived_from IS NULL)),
  CHECK (derived_scope IS NULL OR derived_scope IN (scope, '')),
  CHECK ((status = 'building') = (lease_holder IS NOT NULL)),
  CHECK ((status = 'building') = (lease_expires_at IS NOT NULL)),
  CHECK ((status = 'building') = (completed_at IS NULL)),
  CHECK ((status = 'ready') = (definition_hash IS NOT NULL))
);
CREATE INDEX result_tables_model ON result_tables (model_uid);
CREATE INDEX result_tables_derived ON result_tables (derived_scope, derived_from);
CREATE INDEX result_tables_listing ON result_tables (scope, created_at, table_name);
CREATE INDEX result_tables_by_status ON result_tables (scope, status, created_at, table_name);
CREATE INDEX result_tables_by_source ON result_tables (scope, source_id, created_at, table_name);
CREATE INDEX result_tables_definition ON result_tables (scope, definition_hash, created_at, table_name)
  WHERE status = 'ready';
CREATE INDEX result_tables_embeddings ON result_tables (scope, source_id, created_at, table_name)
  WHERE status = 'ready' AND kind = 'model'
    AND task IN ('text_embedding', 'image_embedding', 'audio_embedding');
CREATE INDEX result_tables_leases ON result_tables (lease_expires_at) WHERE status = 'building';

CREATE TABLE result_table_inputs (
  made_scope TEXT   NOT NULL,
  made_table TEXT   NOT NULL,
  source     TEXT   NOT NULL,
  made_at    BIGINT NOT NULL,
  PRIMARY KEY (made_scope, made_table, source),
  FOREIGN KEY (made_scope, made_table) REFERENCES result_tables (scope, table_name) ON DELETE CASCADE
);
CREATE INDEX result_table_inputs_source ON result_table_inputs (made_scope, source, made_at, made_table);

CREATE TABLE index_segments (
  scope       TEXT   NOT NULL,
  table_name  TEXT   NOT NULL,
  segment_id  BIGINT NOT NULL CHECK (segment_id >= 0),
  bundle_path TEXT   NOT NULL CHECK (length(bundle_path) > 0),
  row_count   BIGINT NOT NULL CHECK (row_count >= 0),
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (scope, table_name, segment_id),
  UNIQUE (scope, table_name, bundle_path),
  FOREIGN KEY (scope, table_name) REFERENCES result_tables (scope, table_name) ON DELETE CASCADE
);
)sql";

}  // namespace jammi
