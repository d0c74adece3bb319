// The training jobs that the benchmarks of the catalog work with; see model_rows.h.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "bench/measure.h"
#include "jammi/jobs.h"

namespace jammi::bench {

// Queued jobs with the first model as their base; their numbers and identifiers begin at `first`.
inline std::string FillJobs(int first, int jobs) {
  return fmt::format(
      "INSERT INTO training_jobs (sequence, scope, job_id, kind, base_model_uid, output_model_id, "
      "training_source, loss_type, hyperparams, priority, created_at, updated_at) "
      "WITH RECURSIVE n(i) AS (SELECT {0} UNION ALL SELECT i + 1 FROM n WHERE i < {0} + {1} - 1) "
      "SELECT i, '', 'job-' || i, 'fine_tune', '0190aabb-ccdd-7eef-8011-100000000000', 'tuned', "
      "'s3://data/' || i, 'contrastive', '{{\"epochs\":3,\"rate\":0.0001}}', i % 3, i, i FROM n",
      first, jobs);
}
inline constexpr std::string_view kQueueAgain =
    "UPDATE training_jobs SET status = 'queued', lease_holder = NULL, lease_expires_at = NULL "
    "WHERE status = 'running'";

// `row` gives cells as for ReadModel(), and bool IsNull(int).
template <class Cells>
TrainingJobRecord ReadJob(const Cells& row) {
  TrainingJobRecord job;
  job.sequence = row.Int(0);
  job.owner = Must(Scope::FromKey(*row.Text(1)));
  job.job_id = *row.Text(2);
  job.kind = Must(ParseTrainingJobKind(*row.Text(3)));
  job.base_model_uid.value = *row.Text(4);
  job.output_model_id = *row.Text(5);
  if (auto uid = row.Text(6)) job.output_model_uid = ModelUid{*std::move(uid)};
  job.training_source = *row.Text(7);
  job.loss_type = *row.Text(8);
  job.hyperparams = *row.Text(9);
  job.training_spec = row.Text(10);
  job.status = Must(ParseTrainingJobStatus(*row.Text(11)));
  job.metrics = row.Text(12);
  job.priority = static_cast<int32_t>(row.Int(13));
  job.claimable = row.Int(14) != 0;
  job.cancel_requested = row.Int(15) != 0;
  job.attempts = static_cast<int32_t>(row.Int(16));
  job.claimed_by = row.Text(17);
  job.lease_epoch = row.Int(18);
  if (!row.IsNull(19)) job.lease_expires_at = row.Int(19);
  job.created_at = row.Int(20);
  job.updated_at = row.Int(21);
  job.base_model_id = *row.Text(22);
  job.base_model_version = static_cast<int32_t>(row.Int(23));
  return job;
}

}  // namespace jammi::bench
