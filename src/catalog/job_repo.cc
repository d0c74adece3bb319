#include "catalog/job_repo.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "catalog/arguments.h"
#include "catalog/enum_text.h"
#include "catalog/job_rows.h"
#include "catalog/listing.h"
#include "catalog/model_repo.h"
#include "catalog/page_token.h"
#include "catalog/read_rows.h"
#include "catalog/run_again.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

constexpr size_t kJobMaxIdBytes = 128;
constexpr size_t kMaxSourceBytes = 4096;
constexpr size_t kMaxLossTypeBytes = 128;
constexpr size_t kMaxHyperparamsBytes = 256 << 10;
constexpr size_t kMaxSpecBytes = 1 << 20;

// --- Statements.

#define JAMMI_JOB_GET "SELECT " JAMMI_JOB_COLUMNS " FROM training_jobs WHERE scope = $1 AND job_id = $2"
#define JAMMI_JOB_PAGE(condition)                                                   \
  "SELECT " JAMMI_JOB_COLUMNS " FROM training_jobs WHERE scope = $1 AND " condition \
  "sequence < $2 ORDER BY sequence DESC LIMIT $3"

// Submissions take their numbers one after the other: each holds the counter's row to its COMMIT, so that
// the numbers are in the order of the commits.
constexpr std::string_view kNextSequence =
    "UPDATE catalog_counters SET next_value = next_value + 1 WHERE name = 'training_job' "
    "RETURNING next_value - 1 AS sequence";
constexpr std::string_view kJobInsert =
    "INSERT INTO training_jobs (sequence, scope, job_id, kind, base_model_uid, output_model_id, "
    "output_model_uid, training_source, loss_type, hyperparams, training_spec, priority, claimable, "
    "created_at, updated_at) "
    "SELECT CAST($1 AS BIGINT), $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CAST($12 AS BIGINT), "
    "CAST($13 AS BIGINT), clock.now, clock.now FROM (SELECT jammi_now() AS now) AS clock WHERE TRUE "
    "ON CONFLICT (scope, job_id) DO NOTHING RETURNING " JAMMI_JOB_COLUMNS;
constexpr std::string_view kJobGet = JAMMI_JOB_GET;
constexpr std::string_view kGetLocked = JAMMI_JOB_GET " FOR UPDATE";
constexpr std::string_view kJobPage = JAMMI_JOB_PAGE("");
constexpr std::string_view kPageOfStatus = JAMMI_JOB_PAGE("status = $4 AND ");
constexpr std::string_view kJobCount =
    "SELECT status, COUNT(*) AS jobs FROM training_jobs WHERE scope IN ($1, '') GROUP BY status";
#define JAMMI_JOB_SET(assignment)        \
  "UPDATE training_jobs SET " assignment \
  ", updated_at = (SELECT jammi_now()) " \
  "WHERE sequence = $1 RETURNING " JAMMI_JOB_COLUMNS
constexpr std::string_view kRequestCancel = JAMMI_JOB_SET("cancel_requested = $2");
constexpr std::string_view kSetPriority = JAMMI_JOB_SET("priority = $2");
constexpr std::string_view kSetClaimable = JAMMI_JOB_SET("claimable = $2");
constexpr std::string_view kJobDelete = "DELETE FROM training_jobs WHERE sequence = $1";
constexpr std::string_view kOldFinished =
    "SELECT sequence, job_id FROM training_jobs WHERE scope = $1 AND " JAMMI_JOB_IS_FINISHED
    " AND updated_at < $2 ORDER BY updated_at LIMIT $3";

// --- Arguments.

Result<void> CheckJobId(std::string_view job_id) { return CheckText("job_id", job_id, 1, kJobMaxIdBytes); }

Result<void> CheckModels(const CreateTrainingJobParams& params) {
  JAMMI_TRY(CheckModelKey("base_model_id", params.base_model_id, params.base_model_version));
  if (!params.output_model_id.empty()) {
    return CheckModelKey("output_model_id", params.output_model_id, params.output_model_version);
  }
  if (params.kind == TrainingJobKind::kContextPredictor) {
    return InvalidArgument("output_model_id", "must name the model that a context predictor becomes");
  }
  if (!params.output_model_version) return {};
  return InvalidArgument("output_model_version", "must be absent where output_model_id is");
}

Result<void> Check(const CreateTrainingJobParams& params) {
  if (!params.job_id.empty()) JAMMI_TRY(CheckJobId(params.job_id));
  if (ToString(params.kind).empty()) return InvalidArgument("kind", "is none of the known kinds");
  JAMMI_TRY(CheckModels(params));
  JAMMI_TRY(CheckText("training_source", params.training_source, 1, kMaxSourceBytes));
  JAMMI_TRY(CheckText("loss_type", params.loss_type, 1, kMaxLossTypeBytes));
  JAMMI_TRY(CheckJson("hyperparams", params.hyperparams, kMaxHyperparamsBytes));
  return params.training_spec ? CheckJson("training_spec", *params.training_spec, kMaxSpecBytes)
                              : Result<void>();
}

// --- Errors.

Error NoSuchJob(std::string_view job_id) {
  return Error(ErrorCode::kNotFound, fmt::format("training job not found: {}", job_id),
               TrainingJobDetail{std::string(job_id), {}});
}

Error WrongStatus(const TrainingJobRecord& job) {
  return Error(ErrorCode::kFailedPrecondition,
               fmt::format("training job {} is {}", job.job_id, ToString(job.status)),
               TrainingJobDetail{job.job_id, std::string(ToString(job.status))});
}

// --- Steps of the verbs, each inside a transaction.

Result<std::optional<ModelUid>> ReservedOutput(Transaction& tx, const Scope& owner,
                                               const CreateTrainingJobParams& params) {
  if (!params.output_model_version) return std::optional<ModelUid>();
  JAMMI_ASSIGN(auto model, FindOwnedModel(tx, owner, params.output_model_id, params.output_model_version));
  return std::optional(std::move(model.uid));
}

Result<TrainingJobRecord> Insert(Transaction& tx, const Scope& owner, const CreateTrainingJobParams& params) {
  JAMMI_ASSIGN(const auto base, FindVisibleModel(tx, owner, params.base_model_id, params.base_model_version));
  JAMMI_ASSIGN(const auto reserved, ReservedOutput(tx, owner, params));
  const std::string job_id = params.job_id.empty() ? Uuid::RandomV4().ToString() : params.job_id;
  const std::string output =
      params.output_model_id.empty() ? fmt::format("jammi:fine-tuned:{}", job_id) : params.output_model_id;
  JAMMI_ASSIGN(const auto sequence, tx.QueryFirst(kNextSequence, {}, ReadColumn<int64_t>("sequence")));
  if (!sequence) return Error(ErrorCode::kDataLoss, "the counter of training jobs is not there");
  const std::string scope = owner.Key();
  JAMMI_ASSIGN(auto job, QueryJob(tx, kJobInsert,
                                  {*sequence, scope, job_id, ToString(params.kind), base.uid.value, output,
                                   reserved ? SqlValue(reserved->value) : SqlValue(std::nullopt),
                                   params.training_source, params.loss_type, params.hyperparams,
                                   params.training_spec, params.priority, params.claimable}));
  if (!job) {
    return Error(ErrorCode::kAlreadyExists, fmt::format("training job {} exists already", job_id),
                 TrainingJobDetail{job_id, {}});
  }
  JAMMI_TRY(RecordJobChange(tx, ChangeVerb::kRegistered, *job));
  return std::move(*job);
}

// The own job, which nobody else changes until this transaction has ended.
Result<TrainingJobRecord> LockOwn(Transaction& tx, BackendKind kind, const Scope& owner,
                                  std::string_view job_id) {
  const std::string scope = owner.Key();
  JAMMI_ASSIGN(auto job,
               QueryJob(tx, kind == BackendKind::kPostgres ? kGetLocked : kJobGet, {scope, job_id}));
  if (job) return std::move(*job);
  return NoSuchJob(job_id);
}

Result<TrainingJobRecord> Set(Transaction& tx, std::string_view sql, const TrainingJobRecord& job,
                              int64_t value) {
  JAMMI_ASSIGN(auto changed, UpdateJob(tx, sql, {job.sequence, value}));
  JAMMI_TRY(RecordJobChange(tx, ChangeVerb::kUpdated, changed));
  return changed;
}

Result<TrainingJobRecord> CancelLocked(Transaction& tx, const TrainingJobRecord& job, int64_t) {
  if (job.status == TrainingJobStatus::kCancelled) return job;
  if (IsFinal(job.status)) return WrongStatus(job);
  if (job.cancel_requested) return job;
  if (job.status == TrainingJobStatus::kRunning) return Set(tx, kRequestCancel, job, 1);
  return FinishJob(tx, job, TrainingJobStatus::kCancelled);
}

Result<TrainingJobRecord> SetPriorityLocked(Transaction& tx, const TrainingJobRecord& job, int64_t priority) {
  if (IsFinal(job.status)) return WrongStatus(job);
  return job.priority == priority ? job : Set(tx, kSetPriority, job, priority);
}

Result<TrainingJobRecord> SetClaimableLocked(Transaction& tx, const TrainingJobRecord& job,
                                             int64_t claimable) {
  if (IsFinal(job.status)) return WrongStatus(job);
  return job.claimable == (claimable != 0) ? job : Set(tx, kSetClaimable, job, claimable);
}

// What names a job, no more.
Result<std::vector<TrainingJobRecord>> FindOldFinished(Transaction& tx, const Scope& owner, UnixMicros before,
                                                       int limit) {
  std::vector<TrainingJobRecord> jobs;
  const std::string scope = owner.Key();
  JAMMI_TRY(tx.Query(kOldFinished, {scope, before, limit}, [&](const Row& row) -> Result<bool> {
    TrainingJobRecord& job = jobs.emplace_back();
    job.owner = owner;
    JAMMI_ASSIGN(job.sequence, row.Get<int64_t>("sequence"));
    JAMMI_ASSIGN(job.job_id, row.Get<std::string>("job_id"));
    return true;
  }));
  return jobs;
}

// --- Pages.

// A token is good for the list with the same filter.
std::string ListName(const TrainingJobFilter& filter) {
  return fmt::format("training_jobs/{}", filter.status ? ToString(*filter.status) : "");
}

Result<int64_t> DecodeToken(const std::string& list, std::string_view token) {
  if (token.empty()) return std::numeric_limits<int64_t>::max();
  JAMMI_ASSIGN(const auto fields, DecodePageToken(list, "i", token));
  return std::get<int64_t>(fields[0]);
}

Result<bool> ReadCount(const Row& row, TrainingJobCounts& counts) {
  JAMMI_ASSIGN(const auto status, ReadEnum(row, "status", ParseTrainingJobStatus));
  JAMMI_ASSIGN(const auto jobs, row.Get<int64_t>("jobs"));
  using enum TrainingJobStatus;
  if (status == kQueued) counts.queued = jobs;
  if (status == kRunning) counts.running = jobs;
  if (status == kCompleted) counts.completed = jobs;
  if (status == kFailed) counts.failed = jobs;
  if (status == kCancelled) counts.cancelled = jobs;
  return true;
}

}  // namespace

std::vector<RepoStatement> TrainingJobStatements(BackendKind kind) {
  return {{"next sequence", kNextSequence, 0},
          {"insert", kJobInsert, 13},
          {"get", kJobGet, 2},
          {"lock own", kind == BackendKind::kPostgres ? kGetLocked : kJobGet, 2},
          {"page", kJobPage, 3},
          {"page of status", kPageOfStatus, 4},
          {"count", kJobCount, 1},
          {"request cancel", kRequestCancel, 2},
          {"set priority", kSetPriority, 2},
          {"set claimable", kSetClaimable, 2},
          {"delete", kJobDelete, 1},
          {"old finished", kOldFinished, 3}};
}

Result<TrainingJobRecord> TrainingJobs::Create(const CreateTrainingJobParams& params) {
  JAMMI_TRY(Check(params));
  return TransactReferring(access_, [&](Transaction& tx) { return Insert(tx, access_.scope, params); });
}

Result<TrainingJobRecord> TrainingJobs::Get(std::string_view job_id) const {
  JAMMI_TRY(CheckJobId(job_id));
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) -> Result<TrainingJobRecord> {
    const std::string own = access_.scope.Key();
    JAMMI_ASSIGN(auto job, QueryJob(tx, kJobGet, {own, job_id}));
    if (!job && !own.empty()) {
      JAMMI_ASSIGN(job, QueryJob(tx, kJobGet, {"", job_id}));
    }
    if (job) return std::move(*job);
    return NoSuchJob(job_id);
  });
}

Result<Page<TrainingJobRecord>> TrainingJobs::List(const TrainingJobFilter& filter, int page_size,
                                                   std::string_view page_token) const {
  JAMMI_TRY(CheckPageSize(page_size));
  if (filter.status && ToString(*filter.status).empty()) {
    return InvalidArgument("status", "is none of the known statuses");
  }
  const std::string list = ListName(filter);
  JAMMI_ASSIGN(const int64_t before, DecodeToken(list, page_token));
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) {
    const auto query = [&](const std::string& scope, int64_t limit, std::vector<TrainingJobRecord>& rows) {
      const auto take = AppendTo(rows, ReadJob);
      if (!filter.status) return tx.Query(kJobPage, {scope, before, limit}, take);
      return tx.Query(kPageOfStatus, {scope, before, limit, ToString(*filter.status)}, take);
    };
    return ReadVisiblePage<TrainingJobRecord>(
        access_.scope, page_size, query,
        [](const TrainingJobRecord& a, const TrainingJobRecord& b) { return a.sequence > b.sequence; },
        [&](const TrainingJobRecord& last) { return EncodePageToken(list, {last.sequence}); });
  });
}

Result<TrainingJobCounts> TrainingJobs::CountByStatus() const {
  return access_.backend->Transact(access_.Reading(), [&](Transaction& tx) -> Result<TrainingJobCounts> {
    TrainingJobCounts counts;
    const std::string own = access_.scope.Key();
    JAMMI_TRY(tx.Query(kJobCount, {own}, [&](const Row& row) { return ReadCount(row, counts); }));
    return counts;
  });
}

Result<TrainingJobRecord> TrainingJobs::ChangeOwn(std::string_view job_id, Change change, int64_t value) {
  JAMMI_TRY(CheckJobId(job_id));
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<TrainingJobRecord> {
    JAMMI_ASSIGN(const auto job, LockOwn(tx, access_.backend->kind(), access_.scope, job_id));
    return change(tx, job, value);
  });
}

Result<TrainingJobRecord> TrainingJobs::Cancel(std::string_view job_id) {
  return ChangeOwn(job_id, CancelLocked, 0);
}

Result<TrainingJobRecord> TrainingJobs::SetPriority(std::string_view job_id, int32_t priority) {
  return ChangeOwn(job_id, SetPriorityLocked, priority);
}

Result<TrainingJobRecord> TrainingJobs::Hold(std::string_view job_id) {
  return ChangeOwn(job_id, SetClaimableLocked, 0);
}

Result<TrainingJobRecord> TrainingJobs::Unhold(std::string_view job_id) {
  return ChangeOwn(job_id, SetClaimableLocked, 1);
}

Result<void> TrainingJobs::Delete(std::string_view job_id) {
  JAMMI_TRY(CheckJobId(job_id));
  return access_.backend->RunTransaction(access_.Writing(), [&](Transaction& tx) -> Result<void> {
    JAMMI_ASSIGN(const auto job, LockOwn(tx, access_.backend->kind(), access_.scope, job_id));
    if (!IsFinal(job.status)) return WrongStatus(job);
    JAMMI_ASSIGN(const int64_t deleted, tx.Execute(kJobDelete, {job.sequence}));
    if (deleted != 1) return NoSuchJob(job_id);
    return RecordJobChange(tx, ChangeVerb::kDeleted, job);
  });
}

Result<int64_t> TrainingJobs::DeleteFinishedBefore(UnixMicros time, int limit) {
  JAMMI_TRY(CheckLimit(limit));
  return access_.backend->Transact(access_.Writing(), [&](Transaction& tx) -> Result<int64_t> {
    JAMMI_ASSIGN(const auto old, FindOldFinished(tx, access_.scope, time, limit));
    int64_t deleted = 0;
    for (const TrainingJobRecord& job : old) {
      JAMMI_ASSIGN(const int64_t rows, tx.Execute(kJobDelete, {job.sequence}));
      if (rows == 0) continue;  // somebody else deletes at the same time
      JAMMI_TRY(RecordJobChange(tx, ChangeVerb::kDeleted, job));
      ++deleted;
    }
    return deleted;
  });
}

}  // namespace jammi
