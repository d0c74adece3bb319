// Evaluation runs and what they measured. The tables of 0003 that had these names were never written.
#pragma once

#include <string_view>

namespace jammi {

// A run's source is the name that it had at the time: runs are kept when sources go.
inline constexpr std::string_view kEvaluationMigration = R"sql(
DROP TABLE eval_per_query;
DROP TABLE eval_runs;
CREATE TABLE eval_runs (
  scope         TEXT   NOT NULL DEFAULT '',
  run_id        TEXT   NOT NULL CHECK (length(run_id) >= 1),
  model_uid     TEXT   REFERENCES models (model_uid),
  eval_type     TEXT   NOT NULL CHECK (eval_type IN ('embedding', 'classification', 'ner',
                                                     'calibration_gaussian', 'calibration_sample')),
  source_id     TEXT   NOT NULL,
  golden_source TEXT   NOT NULL DEFAULT '',
  k             BIGINT CHECK (k BETWEEN 1 AND 2147483647),
  metrics       TEXT   NOT NULL,
  created_at    BIGINT NOT NULL,
  PRIMARY KEY (scope, run_id)
);
-- Newest first: all, of a type, of a model, of a model and a type.
CREATE INDEX eval_runs_listing ON eval_runs (scope, created_at, run_id);
CREATE INDEX eval_runs_by_type ON eval_runs (scope, eval_type, created_at, run_id);
CREATE INDEX eval_runs_by_model ON eval_runs (model_uid, scope, created_at, run_id);
CREATE INDEX eval_runs_by_model_and_type ON eval_runs (model_uid, scope, eval_type, created_at, run_id);

CREATE TABLE eval_per_query (
  scope    TEXT NOT NULL DEFAULT '',
  run_id   TEXT NOT NULL,
  query_id TEXT NOT NULL CHECK (length(query_id) >= 1),
  cohorts  TEXT NOT NULL DEFAULT '{}',
  metrics  TEXT NOT NULL,
  PRIMARY KEY (scope, run_id, query_id),
  FOREIGN KEY (scope, run_id) REFERENCES eval_runs (scope, run_id) ON DELETE CASCADE
);
)sql";

}  // namespace jammi
