// What refers to a model holds its model_uid, so that no reference depends on how a key is spelled. The
// tables that do are here from the start: a deletion can look into them. Times are microseconds UTC.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kModelsMigration = R"sql(
CREATE TABLE models (
  scope         TEXT   NOT NULL DEFAULT '',
  name          TEXT   NOT NULL,
  version       BIGINT NOT NULL CHECK (version BETWEEN 1 AND 2147483647),
  model_uid     TEXT   NOT NULL UNIQUE,
  model_type    TEXT   NOT NULL,
  task          TEXT   NOT NULL CHECK (task IN ('text_embedding', 'image_embedding', 'audio_embedding',
                                                'classification', 'ner', 'regression')),
  backend       TEXT   NOT NULL,
  status        TEXT   NOT NULL CHECK (status IN ('registered', 'loaded', 'failed')),
  base_model_id TEXT,
  artifact_path TEXT,
  config_json   TEXT,
  revision      BIGINT NOT NULL CHECK (revision >= 1),
  created_at    BIGINT NOT NULL,
  updated_at    BIGINT NOT NULL,
  PRIMARY KEY (scope, name, version)
);
CREATE INDEX models_listing ON models (scope, created_at, name, version);

CREATE TABLE result_tables (
  scope              TEXT   NOT NULL DEFAULT '',
  table_name         TEXT   NOT NULL,
  kind               TEXT   NOT NULL DEFAULT 'model' CHECK (kind IN ('model', 'neighbor_graph', 'asof_join')),
  source_id          TEXT   NOT NULL,
  model_uid          TEXT   REFERENCES models (model_uid),
  task               TEXT   NOT NULL CHECK (task IN ('text_embedding', 'image_embedding', 'audio_embedding',
                                                     'classification', 'ner', 'regression')),
  status             TEXT   NOT NULL DEFAULT 'building' CHECK (status IN ('building', 'ready', 'failed')),
  parquet_path       TEXT   NOT NULL,
  dimensions         BIGINT CHECK (dimensions >= 1),
  distance_metric    TEXT   NOT NULL DEFAULT 'cosine',
  storage_precision  TEXT   CHECK (storage_precision IN ('f32', 'f16', 'int8', 'binary')),
  oversample         BIGINT CHECK (oversample >= 0),
  row_count          BIGINT NOT NULL DEFAULT 0 CHECK (row_count >= 0),
  key_column         TEXT,
  text_columns       TEXT,
  derived_scope      TEXT,
  derived_from       TEXT,
  definition_hash    TEXT,
  input_anchors_json TEXT,
  created_at         BIGINT NOT NULL,
  completed_at       BIGINT,
  PRIMARY KEY (scope, table_name),
  FOREIGN KEY (derived_scope, derived_from) REFERENCES result_tables (scope, table_name),
  CHECK (kind <> 'model' OR model_uid IS NOT NULL),
  CHECK ((derived_scope IS NULL) = (derived_from IS NULL))
);
CREATE INDEX result_tables_model ON result_tables (model_uid);
CREATE INDEX result_tables_derived ON result_tables (derived_scope, derived_from);

CREATE TABLE training_jobs (
  scope            TEXT   NOT NULL DEFAULT '',
  job_id           TEXT   NOT NULL,
  kind             TEXT   NOT NULL DEFAULT 'fine_tune'
                          CHECK (kind IN ('fine_tune', 'graph_fine_tune', 'context_predictor')),
  base_model_uid   TEXT   NOT NULL REFERENCES models (model_uid),
  output_model_uid TEXT   REFERENCES models (model_uid),
  training_source  TEXT   NOT NULL,
  loss_type        TEXT   NOT NULL,
  hyperparams      TEXT   NOT NULL,
  training_spec    TEXT,
  status           TEXT   NOT NULL DEFAULT 'queued'
                          CHECK (status IN ('queued', 'running', 'completed', 'failed')),
  metrics          TEXT,
  priority         BIGINT NOT NULL DEFAULT 0,
  claimable        BIGINT NOT NULL DEFAULT 1 CHECK (claimable IN (0, 1)),
  claimed_by       TEXT,
  lease_expires_at BIGINT,
  attempts         BIGINT NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  created_at       BIGINT NOT NULL,
  updated_at       BIGINT NOT NULL,
  PRIMARY KEY (scope, job_id)
);
CREATE INDEX training_jobs_base_model ON training_jobs (base_model_uid);
CREATE INDEX training_jobs_output_model ON training_jobs (output_model_uid);

CREATE TABLE eval_runs (
  scope         TEXT   NOT NULL DEFAULT '',
  run_id        TEXT   NOT NULL,
  model_uid     TEXT   REFERENCES models (model_uid),
  eval_type     TEXT   NOT NULL CHECK (eval_type IN ('embedding', 'classification', 'ner',
                                                     'calibration_gaussian', 'calibration_sample')),
  source_id     TEXT   NOT NULL,
  golden_source TEXT   NOT NULL DEFAULT '',
  k             BIGINT CHECK (k >= 1),
  metrics       TEXT   NOT NULL,
  status        TEXT   NOT NULL DEFAULT 'completed' CHECK (status IN ('completed')),
  created_at    BIGINT NOT NULL,
  PRIMARY KEY (scope, run_id)
);
CREATE INDEX eval_runs_model ON eval_runs (model_uid, eval_type, created_at);

CREATE TABLE eval_per_query (
  scope    TEXT NOT NULL DEFAULT '',
  run_id   TEXT NOT NULL,
  query_id TEXT NOT NULL,
  cohorts  TEXT NOT NULL DEFAULT '{}',
  metrics  TEXT NOT NULL,
  PRIMARY KEY (scope, run_id, query_id),
  FOREIGN KEY (scope, run_id) REFERENCES eval_runs (scope, run_id) ON DELETE CASCADE
);
)sql";

}  // namespace jammi
