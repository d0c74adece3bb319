// The queue of training jobs. The table of 0003 never had a row: nothing wrote to it.
#pragma once

#include <string_view>

namespace jammi {

inline constexpr std::string_view kTrainingJobsMigration = R"sql(
DROP TABLE training_jobs;
INSERT INTO catalog_counters (name, next_value) VALUES ('training_job', 1);
CREATE TABLE training_jobs (
  sequence         INTEGER PRIMARY KEY,
  scope            TEXT   NOT NULL DEFAULT '',
  job_id           TEXT   NOT NULL,
  kind             TEXT   NOT NULL CHECK (kind IN ('fine_tune', 'graph_fine_tune', 'context_predictor')),
  base_model_uid   TEXT   NOT NULL REFERENCES models (model_uid),
  output_model_id  TEXT   NOT NULL,
  output_model_uid TEXT   REFERENCES models (model_uid),
  training_source  TEXT   NOT NULL,
  loss_type        TEXT   NOT NULL,
  hyperparams      TEXT   NOT NULL,
  training_spec    TEXT,
  status           TEXT   NOT NULL DEFAULT 'queued'
                          CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
  metrics          TEXT,
  priority         BIGINT NOT NULL DEFAULT 0 CHECK (priority BETWEEN -2147483648 AND 2147483647),
  claimable        BIGINT NOT NULL DEFAULT 1 CHECK (claimable IN (0, 1)),
  cancel_requested BIGINT NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
  attempts         BIGINT NOT NULL DEFAULT 0 CHECK (attempts BETWEEN 0 AND 2147483647),
  lease_holder     TEXT,
  lease_epoch      BIGINT NOT NULL DEFAULT 0 CHECK (lease_epoch >= 0),
  lease_expires_at BIGINT,
  created_at       BIGINT NOT NULL,
  updated_at       BIGINT NOT NULL,
  UNIQUE (scope, job_id),
  CHECK ((status = 'running') = (lease_expires_at IS NOT NULL)),
  CHECK (status <> 'running' OR lease_holder IS NOT NULL),
  CHECK (status <> 'queued' OR lease_holder IS NULL),
  CHECK (status <> 'completed' OR output_model_uid IS NOT NULL)
);
-- The order of the claims, and nothing that cannot be claimed.
CREATE INDEX training_jobs_queue ON training_jobs (priority DESC, sequence)
  WHERE status = 'queued' AND claimable = 1;
CREATE INDEX training_jobs_leases ON training_jobs (lease_expires_at) WHERE status = 'running';
CREATE INDEX training_jobs_finished ON training_jobs (scope, updated_at)
  WHERE status IN ('completed', 'failed', 'cancelled');
CREATE INDEX training_jobs_listing ON training_jobs (scope, sequence);
CREATE INDEX training_jobs_listing_by_status ON training_jobs (scope, status, sequence);
CREATE INDEX training_jobs_base_model ON training_jobs (base_model_uid);
CREATE INDEX training_jobs_output_model ON training_jobs (output_model_uid);
)sql";

}  // namespace jammi
