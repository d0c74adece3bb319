// The workers' side of the training jobs.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "catalog/arguments.h"
#include "catalog/job_repo.h"
#include "catalog/job_rows.h"
#include "catalog/lease.h"
#include "catalog/model_repo.h"
#include "catalog/read_rows.h"

namespace jammi {
namespace {

constexpr std::string_view kJobQueueKind = "training job";
constexpr std::string_view kExpiredMessage = "training job lease expired after exhausting max attempts";

// --- Statements. On PostgreSQL `lock` keeps what was read until the end of the transaction.

// The candidate is the first row of an index that holds nothing but candidates, in this order, so the claim
// costs the same whatever else is stored. Asked for without ORDER BY, the planner could prefer to walk
// through the table, because it does not know that all finished jobs lie at its beginning.
#define JAMMI_JOB_NEXT                                                            \
  "SELECT sequence FROM training_jobs WHERE status = 'queued' AND claimable = 1 " \
  "ORDER BY priority DESC, sequence LIMIT 1"
#define JAMMI_JOB_NEXT_EXPIRY \
  "SELECT lease_expires_at FROM training_jobs WHERE status = 'running' ORDER BY lease_expires_at LIMIT 1"
#define JAMMI_JOB_CLAIM(lock)                                              \
  "UPDATE training_jobs SET status = 'running', attempts = attempts + 1, " \
  "updated_at = (SELECT jammi_now()), " JAMMI_LEASE_TAKE(                  \
      "$1", "$2") " WHERE sequence = (" JAMMI_JOB_NEXT lock                \
                  ") AND status = 'queued' RETURNING " JAMMI_JOB_COLUMNS
#define JAMMI_JOB_HELD(lock)  \
  "SELECT " JAMMI_JOB_COLUMNS \
  " FROM training_jobs WHERE sequence = $1 AND status = 'running' AND " JAMMI_LEASE_HELD("$2", "$3") lock
#define JAMMI_JOB_EXPIRED(lock)                                                                       \
  "SELECT " JAMMI_JOB_COLUMNS " FROM training_jobs WHERE status = 'running' AND " JAMMI_LEASE_EXPIRED \
  " ORDER BY lease_expires_at LIMIT $1" lock

constexpr std::string_view kWaiting =
    "SELECT (" JAMMI_JOB_NEXT ") AS next, (" JAMMI_JOB_NEXT_EXPIRY ") AS next_expiry, jammi_now() AS now";
constexpr std::string_view kJobQueueClaim = JAMMI_JOB_CLAIM("");
constexpr std::string_view kClaimLocked = JAMMI_JOB_CLAIM(" FOR UPDATE SKIP LOCKED");
constexpr std::string_view kJobQueueHeartbeat =
    "UPDATE training_jobs SET " JAMMI_LEASE_RENEW("$4") " WHERE sequence = $1 AND status = 'running' AND "
    JAMMI_LEASE_HELD("$2", "$3") " RETURNING lease_expires_at, cancel_requested";
constexpr std::string_view kHeld = JAMMI_JOB_HELD("");
constexpr std::string_view kHeldLocked = JAMMI_JOB_HELD(" FOR UPDATE");
constexpr std::string_view kJobQueueEpoch =
    "SELECT job_id, lease_epoch FROM training_jobs WHERE sequence = $1";
constexpr std::string_view kSetMetrics =
    "UPDATE training_jobs SET metrics = $2, updated_at = (SELECT jammi_now()) WHERE sequence = $1 "
    "RETURNING " JAMMI_JOB_COLUMNS;
constexpr std::string_view kRequeue =
    "UPDATE training_jobs SET status = 'queued', metrics = $2, attempts = $3, "
    "updated_at = (SELECT jammi_now()), " JAMMI_LEASE_DROP
    " WHERE sequence = $1 RETURNING " JAMMI_JOB_COLUMNS;
constexpr std::string_view kExpired = JAMMI_JOB_EXPIRED("");
constexpr std::string_view kExpiredLocked = JAMMI_JOB_EXPIRED(" FOR UPDATE SKIP LOCKED");

struct Locking {
  std::string_view claim, held, expired;
};
Locking StatementsFor(BackendKind kind) {
  if (kind == BackendKind::kPostgres) return {kClaimLocked, kHeldLocked, kExpiredLocked};
  return {kJobQueueClaim, kHeld, kExpired};
}

// --- Arguments.

Result<void> CheckMetrics(const std::optional<std::string>& metrics) {
  return metrics ? CheckJsonObject("metrics", *metrics, kMaxMetricsBytes) : Result<void>();
}

Result<void> CheckClaim(const JobClaim& claim) {
  if (claim.sequence < 1) return InvalidArgument("claim", "names no job");
  return CheckLeaseToken(claim.lease);
}

RegisterModelParams AsVersion(std::string model_id, const TrainedModel& model) {
  return {.model_id = std::move(model_id),
          .model_type = model.model_type,
          .backend = model.backend,
          .task = model.task.value_or(ModelTask::kTextEmbedding),
          .artifact_path = model.artifact_path,
          .config_json = model.config_json};
}

// --- Steps of the verbs, each inside a transaction.

// The members of `more`, and those of `metrics` that it does not name; both are JSON objects.
std::optional<std::string> Merge(const std::optional<std::string>& metrics,
                                 const std::optional<std::string>& more) {
  if (!more || !metrics) return more ? more : metrics;
  auto merged = nlohmann::json::parse(*metrics, nullptr, false);
  const auto added = nlohmann::json::parse(*more, nullptr, false);
  if (!merged.is_object() || !added.is_object()) return more;
  merged.update(added);
  return merged.dump();
}

Error Lost(Transaction& tx, const JobClaim& claim) {
  std::string name = fmt::format("number {}", claim.sequence);
  int64_t epoch = 0;
  const auto read = tx.Query(kJobQueueEpoch, {claim.sequence}, [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(name, row.Get<std::string>("job_id"));
    JAMMI_ASSIGN(epoch, row.Get<int64_t>("lease_epoch"));
    return false;
  });
  return read ? LeaseLost(kJobQueueKind, name, claim.lease, epoch) : read.error();
}

// The job, if the claim still holds it, with `metrics` added to its own; nobody else changes it until this
// transaction has ended.
Result<TrainingJobRecord> LockHeld(Transaction& tx, BackendKind kind, const JobClaim& claim,
                                   const std::optional<std::string>& metrics) {
  JAMMI_ASSIGN(auto job, QueryJob(tx, StatementsFor(kind).held,
                                  {claim.sequence, claim.lease.holder, claim.lease.epoch}));
  if (!job) return Lost(tx, claim);
  job->metrics = Merge(job->metrics, metrics);
  if (job->metrics && job->metrics->size() > kMaxMetricsBytes) {
    return InvalidArgument("metrics",
                           fmt::format("would be {} bytes long with what is there already, more than {}",
                                       job->metrics->size(), kMaxMetricsBytes));
  }
  return std::move(*job);
}

Result<void> Requeue(Transaction& tx, const TrainingJobRecord& job, int32_t attempts, ChangeVerb verb) {
  JAMMI_ASSIGN(const auto queued, UpdateJob(tx, kRequeue, {job.sequence, job.metrics, attempts}));
  return RecordJobChange(tx, verb, queued);
}

Result<ModelRecord> RegisterOutput(Transaction& tx, const TrainingJobRecord& job, const TrainedModel& model) {
  if (job.output_model_uid) return SetModelArtifactPath(tx, *job.output_model_uid, model.artifact_path);
  JAMMI_ASSIGN(auto base, GetModelByUid(tx, job.base_model_uid));
  RegisterModelParams version = AsVersion(job.output_model_id, model);
  version.task = model.task.value_or(base.task);
  version.base_model_id = std::move(base.model_id);
  return RegisterNextModel(tx, job.owner, version);
}

Result<TrainingJobStatus> Reclaim(Transaction& tx, TrainingJobRecord job, int32_t max_attempts) {
  if (job.cancel_requested) {
    JAMMI_TRY(FinishJob(tx, job, TrainingJobStatus::kCancelled));
    return TrainingJobStatus::kCancelled;
  }
  if (job.attempts < max_attempts) {
    JAMMI_TRY(Requeue(tx, job, job.attempts, ChangeVerb::kRecovered));
    return TrainingJobStatus::kQueued;
  }
  job.metrics = Merge(job.metrics, fmt::format(R"({{"error_message":"{}"}})", kExpiredMessage));
  JAMMI_TRY(FinishJob(tx, job, TrainingJobStatus::kFailed));
  return TrainingJobStatus::kFailed;
}

Result<std::vector<TrainingJobRecord>> LockExpired(Transaction& tx, BackendKind kind, int limit) {
  std::vector<TrainingJobRecord> jobs;
  JAMMI_TRY(tx.Query(StatementsFor(kind).expired, {limit}, AppendTo(jobs, ReadJob)));
  return jobs;
}

Result<WaitingJobs> ReadWaiting(const Row& row) {
  WaitingJobs waiting;
  JAMMI_ASSIGN(const auto next, row.Get<std::optional<int64_t>>("next"));
  JAMMI_ASSIGN(const auto next_expiry, row.Get<std::optional<int64_t>>("next_expiry"));
  JAMMI_ASSIGN(const auto now, row.Get<int64_t>("now"));
  waiting.claimable = next.has_value();
  if (next_expiry) waiting.next_expiry = std::chrono::microseconds(*next_expiry - now);
  return waiting;
}

Result<LeaseRenewal> ReadRenewal(const Row& row) {
  LeaseRenewal renewal;
  JAMMI_ASSIGN(renewal.expires_at, row.Get<int64_t>("lease_expires_at"));
  JAMMI_ASSIGN(renewal.cancel_requested, row.Get<bool>("cancel_requested"));
  return renewal;
}

}  // namespace

std::vector<RepoStatement> JobQueueStatements(BackendKind kind) {
  const Locking locking = StatementsFor(kind);
  return {{"waiting", kWaiting, 0},  {"claim", locking.claim, 2},    {"heartbeat", kJobQueueHeartbeat, 4},
          {"held", locking.held, 3}, {"epoch", kJobQueueEpoch, 1},   {"set metrics", kSetMetrics, 2},
          {"requeue", kRequeue, 3},  {"expired", locking.expired, 1}};
}

Result<WaitingJobs> JobQueue::Waiting() const {
  const TxOptions reading{.read_only = true, .deadline = deadline_};
  return backend_->Transact(reading, [](Transaction& tx) -> Result<WaitingJobs> {
    JAMMI_ASSIGN(const auto waiting, tx.QueryFirst(kWaiting, {}, ReadWaiting));
    return waiting.value_or(WaitingJobs());
  });
}

Result<std::optional<ClaimedJob>> JobQueue::Claim(std::string_view worker, std::chrono::microseconds lease) {
  JAMMI_TRY(CheckLeaseHolder(worker));
  JAMMI_ASSIGN(const int64_t micros, LeaseMicros(lease));
  const auto granted_at = std::chrono::steady_clock::now();
  std::optional<TrainingJobRecord> job;
  JAMMI_TRY(backend_->RunTransaction(Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(job, QueryJob(tx, StatementsFor(backend_->kind()).claim, {worker, micros}));
    return {};
  }));
  if (!job) return std::optional<ClaimedJob>();
  const JobClaim claim{job->sequence, {std::string(worker), job->lease_epoch}};
  return std::optional(ClaimedJob{std::move(*job), claim, granted_at});
}

Result<LeaseRenewal> JobQueue::Heartbeat(const JobClaim& claim, std::chrono::microseconds lease) {
  JAMMI_TRY(CheckClaim(claim));
  JAMMI_ASSIGN(const int64_t micros, LeaseMicros(lease));
  return backend_->Transact(Writing(Lane::kUrgent), [&](Transaction& tx) -> Result<LeaseRenewal> {
    JAMMI_ASSIGN(const auto renewed,
                 tx.QueryFirst(kJobQueueHeartbeat,
                               {claim.sequence, claim.lease.holder, claim.lease.epoch, micros}, ReadRenewal));
    if (renewed) return *renewed;
    return Lost(tx, claim);
  });
}

Result<void> JobQueue::UpdateMetrics(const JobClaim& claim, std::string_view metrics) {
  const std::optional<std::string> given(metrics);
  JAMMI_TRY(CheckClaim(claim));
  JAMMI_TRY(CheckMetrics(given));
  return backend_->RunTransaction(Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto job, LockHeld(tx, backend_->kind(), claim, given));
    JAMMI_TRY(UpdateJob(tx, kSetMetrics, {job.sequence, job.metrics}));
    return {};
  });
}

Result<ModelRecord> JobQueue::Finalize(const JobClaim& claim, const TrainedModel& model,
                                       const std::optional<std::string>& metrics) {
  JAMMI_TRY(CheckClaim(claim));
  JAMMI_TRY(CheckMetrics(metrics));
  JAMMI_TRY(CheckModel(AsVersion("output", model)));
  return backend_->Transact(Writing(), [&](Transaction& tx) -> Result<ModelRecord> {
    JAMMI_ASSIGN(const auto job, LockHeld(tx, backend_->kind(), claim, metrics));
    JAMMI_ASSIGN(auto output, RegisterOutput(tx, job, model));
    JAMMI_TRY(FinishJob(tx, job, TrainingJobStatus::kCompleted, output.uid));
    return output;
  });
}

Result<void> JobQueue::Fail(const JobClaim& claim, const std::optional<std::string>& metrics) {
  JAMMI_TRY(CheckClaim(claim));
  JAMMI_TRY(CheckMetrics(metrics));
  return backend_->RunTransaction(Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto job, LockHeld(tx, backend_->kind(), claim, metrics));
    JAMMI_TRY(FinishJob(tx, job, TrainingJobStatus::kFailed));
    return {};
  });
}

Result<void> JobQueue::GiveBack(const JobClaim& claim, const std::optional<std::string>& metrics) {
  JAMMI_TRY(CheckClaim(claim));
  JAMMI_TRY(CheckMetrics(metrics));
  return backend_->RunTransaction(Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto job, LockHeld(tx, backend_->kind(), claim, metrics));
    if (job.cancel_requested) {
      JAMMI_TRY(FinishJob(tx, job, TrainingJobStatus::kCancelled));
    } else {
      JAMMI_TRY(Requeue(tx, job, job.attempts - 1, ChangeVerb::kUpdated));
    }
    return {};
  });
}

Result<ReclaimedJobs> JobQueue::ReclaimExpired(int32_t max_attempts, int limit) {
  if (max_attempts < 1) return InvalidArgument("max_attempts", "must be 1 or more");
  JAMMI_TRY(CheckLimit(limit));
  return backend_->Transact(Writing(), [&](Transaction& tx) -> Result<ReclaimedJobs> {
    JAMMI_ASSIGN(const auto jobs, LockExpired(tx, backend_->kind(), limit));
    ReclaimedJobs reclaimed;
    for (const TrainingJobRecord& job : jobs) {
      JAMMI_ASSIGN(const auto status, Reclaim(tx, job, max_attempts));
      ++(status == TrainingJobStatus::kQueued   ? reclaimed.queued
         : status == TrainingJobStatus::kFailed ? reclaimed.failed
                                                : reclaimed.cancelled);
    }
    return reclaimed;
  });
}

}  // namespace jammi
