// What both sides of the training jobs (jammi/jobs.h) need: rows as records, errors, the places where a
// user's and a worker's statement are the same.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "catalog/changes.h"
#include "jammi/jobs.h"

// A base model is referred to by uid and shown by name: two probes of a unique index per row.
#define JAMMI_JOB_COLUMNS                                                                          \
  "sequence, scope, job_id, kind, base_model_uid, output_model_id, output_model_uid, "             \
  "training_source, loss_type, hyperparams, training_spec, status, metrics, priority, claimable, " \
  "cancel_requested, attempts, lease_holder, lease_epoch, lease_expires_at, created_at, "          \
  "updated_at, (SELECT name FROM models WHERE model_uid = base_model_uid) AS base_model_id, "      \
  "(SELECT version FROM models WHERE model_uid = base_model_uid) AS base_model_version"
#define JAMMI_JOB_IS_FINISHED "status IN ('completed', 'failed', 'cancelled')"
// In order: $1 = sequence, $2 = status, $3 = metrics, $4 = output_model_uid.
#define JAMMI_JOB_FINISH                                                            \
  "UPDATE training_jobs SET status = $2, metrics = $3, output_model_uid = $4, "     \
  "lease_expires_at = NULL, updated_at = (SELECT jammi_now()) WHERE sequence = $1 " \
  "RETURNING " JAMMI_JOB_COLUMNS

namespace jammi {

// CHECKs of what both sides are given.
constexpr size_t kMaxMetricsBytes = 1 << 20;

[[nodiscard]] Result<TrainingJobRecord> ReadJob(const Row& row);

// The record that a statement returns, if it returns one.
[[nodiscard]] Result<std::optional<TrainingJobRecord>> QueryJob(Transaction& tx, std::string_view sql,
                                                                std::initializer_list<SqlValue> params);
// The same of an UPDATE by a key that was read and locked before: kInternal when there is no row.
[[nodiscard]] Result<TrainingJobRecord> UpdateJob(Transaction& tx, std::string_view sql,
                                                  std::initializer_list<SqlValue> params);

[[nodiscard]] Result<void> RecordJobChange(Transaction& tx, ChangeVerb verb, const TrainingJobRecord& job);

// Moves a job that this transaction has locked to a final status, with the metrics that `job` has now.
[[nodiscard]] Result<TrainingJobRecord> FinishJob(Transaction& tx, const TrainingJobRecord& job,
                                                  TrainingJobStatus status,
                                                  const std::optional<ModelUid>& output = std::nullopt);

}  // namespace jammi
