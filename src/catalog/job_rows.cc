#include "catalog/job_rows.h"

#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "catalog/enum_text.h"

namespace jammi {
namespace {

constexpr std::array<std::string_view, 3> kJobRowsKindTexts = {"fine_tune", "graph_fine_tune",
                                                               "context_predictor"};
constexpr std::array<std::string_view, 5> kJobRowsStatusTexts = {"queued", "running", "completed", "failed",
                                                                 "cancelled"};
constexpr std::string_view kFinish = JAMMI_JOB_FINISH;

// CAT-052: what is no text, or no JSON, is not there.
void ReadMetrics(TrainingJobRecord& job) {
  if (!job.metrics) return;
  const auto metrics = nlohmann::json::parse(*job.metrics, nullptr, false);
  if (!metrics.is_object()) return;
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = metrics.find(name);
    if (found == metrics.end() || !found->is_string()) return std::nullopt;
    return found->get<std::string>();
  };
  job.error_message = text("error_message");
  job.started_at = text("started_at");
  job.completed_at = text("completed_at");
}

Result<void> ReadLease(const Row& row, TrainingJobRecord& job) {
  JAMMI_ASSIGN(job.claimed_by, row.Get<std::optional<std::string>>("lease_holder"));
  JAMMI_ASSIGN(job.lease_epoch, row.Get<int64_t>("lease_epoch"));
  JAMMI_ASSIGN(job.lease_expires_at, row.Get<std::optional<int64_t>>("lease_expires_at"));
  return {};
}

Result<void> ReadModels(const Row& row, TrainingJobRecord& job) {
  JAMMI_ASSIGN(job.base_model_id, row.Get<std::string_view>("base_model_id"));
  JAMMI_ASSIGN(job.base_model_version, row.Get<int32_t>("base_model_version"));
  JAMMI_ASSIGN(job.base_model_uid.value, row.Get<std::string_view>("base_model_uid"));
  JAMMI_ASSIGN(job.output_model_id, row.Get<std::string_view>("output_model_id"));
  JAMMI_ASSIGN(auto output, row.Get<std::optional<std::string>>("output_model_uid"));
  if (output) job.output_model_uid = ModelUid{std::move(*output)};
  return {};
}

Result<void> ReadWork(const Row& row, TrainingJobRecord& job) {
  JAMMI_ASSIGN(job.training_source, row.Get<std::string_view>("training_source"));
  JAMMI_ASSIGN(job.loss_type, row.Get<std::string_view>("loss_type"));
  JAMMI_ASSIGN(job.hyperparams, row.Get<std::string_view>("hyperparams"));
  JAMMI_ASSIGN(job.training_spec, row.Get<std::optional<std::string>>("training_spec"));
  JAMMI_ASSIGN(job.metrics, row.Get<std::optional<std::string>>("metrics"));
  ReadMetrics(job);
  return {};
}

}  // namespace

std::string_view ToString(TrainingJobKind kind) { return TextOf(kJobRowsKindTexts, kind); }

Result<TrainingJobKind> ParseTrainingJobKind(std::string_view text) {
  if (const auto kind = ValueOf<TrainingJobKind>(kJobRowsKindTexts, text)) return *kind;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown training job kind: '{}'", text));
}

std::string_view ToString(TrainingJobStatus status) { return TextOf(kJobRowsStatusTexts, status); }

Result<TrainingJobStatus> ParseTrainingJobStatus(std::string_view text) {
  if (const auto status = ValueOf<TrainingJobStatus>(kJobRowsStatusTexts, text)) return *status;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Unknown training job status: '{}'", text));
}

bool IsFinal(TrainingJobStatus status) {
  return status != TrainingJobStatus::kQueued && status != TrainingJobStatus::kRunning;
}

Result<TrainingJobRecord> ReadJob(const Row& row) {
  TrainingJobRecord job;
  JAMMI_ASSIGN(const auto scope, row.Get<std::string_view>("scope"));
  JAMMI_ASSIGN(job.owner, Scope::FromKey(scope));
  JAMMI_ASSIGN(job.job_id, row.Get<std::string_view>("job_id"));
  JAMMI_ASSIGN(job.sequence, row.Get<int64_t>("sequence"));
  JAMMI_ASSIGN(job.kind, ReadEnum(row, "kind", ParseTrainingJobKind));
  JAMMI_ASSIGN(job.status, ReadEnum(row, "status", ParseTrainingJobStatus));
  JAMMI_ASSIGN(job.priority, row.Get<int32_t>("priority"));
  JAMMI_ASSIGN(job.claimable, row.Get<bool>("claimable"));
  JAMMI_ASSIGN(job.cancel_requested, row.Get<bool>("cancel_requested"));
  JAMMI_ASSIGN(job.attempts, row.Get<int32_t>("attempts"));
  JAMMI_ASSIGN(job.created_at, row.Get<int64_t>("created_at"));
  JAMMI_ASSIGN(job.updated_at, row.Get<int64_t>("updated_at"));
  JAMMI_TRY(ReadLease(row, job));
  JAMMI_TRY(ReadModels(row, job));
  JAMMI_TRY(ReadWork(row, job));
  return job;
}

Result<std::optional<TrainingJobRecord>> QueryJob(Transaction& tx, std::string_view sql,
                                                  std::initializer_list<SqlValue> params) {
  return tx.QueryFirst(sql, params, ReadJob);
}

Result<TrainingJobRecord> UpdateJob(Transaction& tx, std::string_view sql,
                                    std::initializer_list<SqlValue> params) {
  JAMMI_ASSIGN(auto job, QueryJob(tx, sql, params));
  if (job) return std::move(*job);
  return Error(ErrorCode::kInternal, "a training job was lost between two statements of one transaction");
}

Result<void> RecordJobChange(Transaction& tx, ChangeVerb verb, const TrainingJobRecord& job) {
  return RecordChange(tx, {.kind = "training_job", .verb = verb, .owner = job.owner, .name = job.job_id});
}

Result<TrainingJobRecord> FinishJob(Transaction& tx, const TrainingJobRecord& job, TrainingJobStatus status,
                                    const std::optional<ModelUid>& output) {
  const std::optional<ModelUid>& made = output ? output : job.output_model_uid;
  JAMMI_ASSIGN(auto finished, UpdateJob(tx, kFinish,
                                        {job.sequence, ToString(status), job.metrics,
                                         made ? SqlValue(made->value) : SqlValue(std::nullopt)}));
  JAMMI_TRY(RecordJobChange(tx, ChangeVerb::kUpdated, finished));
  return finished;
}

}  // namespace jammi
