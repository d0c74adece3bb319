// Training jobs: a durable queue in the catalog, from which workers take work under leases.
//
//   queued --claim--> running --finalize--> completed
//                        |-----fail-------> failed
//                        |--give back-----> queued
//                        '--lease expired-> queued, or failed when it has been tried often enough
//   queued --cancel--> cancelled;  running --cancel requested--> cancelled, by the worker or at the
//   latest when the lease expires
//
// Users submit and watch jobs through TrainingJobs, which sees what its scope sees. Workers take them through
// JobQueue, which serves all scopes: the lease, not the tenant, decides who may write (CAT-053). All times
// are the database's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "jammi/catalog_access.h"
#include "jammi/clock.h"
#include "jammi/lease.h"
#include "jammi/models.h"
#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// Stored as text: "fine_tune", "graph_fine_tune", "context_predictor".
enum class TrainingJobKind : uint8_t { kFineTune, kGraphFineTune, kContextPredictor };
[[nodiscard]] std::string_view ToString(TrainingJobKind kind);
// Errors: kInvalidArgument.
[[nodiscard]] Result<TrainingJobKind> ParseTrainingJobKind(std::string_view text);

// Stored as text, "queued" and so on. The last three are final.
enum class TrainingJobStatus : uint8_t { kQueued, kRunning, kCompleted, kFailed, kCancelled };
[[nodiscard]] std::string_view ToString(TrainingJobStatus status);
// Errors: kInvalidArgument.
[[nodiscard]] Result<TrainingJobStatus> ParseTrainingJobStatus(std::string_view text);
[[nodiscard]] bool IsFinal(TrainingJobStatus status);

struct TrainingJobRecord {
  std::string job_id;
  Scope owner = Scope::Global();
  int64_t sequence = 0;  // grows with every submission to this catalog; never given twice
  TrainingJobKind kind = TrainingJobKind::kFineTune;
  std::string base_model_id;
  int32_t base_model_version = 0;
  ModelUid base_model_uid;
  std::string output_model_id;
  std::optional<ModelUid> output_model_uid;  // of a reserved version, or of what a completed job has made
  std::string training_source;
  std::string loss_type;
  std::string hyperparams;
  std::optional<std::string> training_spec;
  TrainingJobStatus status = TrainingJobStatus::kQueued;
  std::optional<std::string> metrics;  // a JSON object
  int32_t priority = 0;
  bool claimable = true;                       // false: held
  bool cancel_requested = false;               // of a running job
  int32_t attempts = 0;                        // claims, without those that were given back
  std::optional<std::string> claimed_by;       // the worker; of a finished job the last one
  int64_t lease_epoch = 0;                     // claims of any kind
  std::optional<UnixMicros> lease_expires_at;  // of a running job
  UnixMicros created_at = 0;
  UnixMicros updated_at = 0;  // renewals of the lease excepted
  // Members of `metrics`, where they are text (CAT-052).
  std::optional<std::string> error_message;
  std::optional<std::string> started_at;
  std::optional<std::string> completed_at;

  bool operator==(const TrainingJobRecord&) const = default;
};

// What is submitted. Texts are UTF-8 without U+0000.
struct CreateTrainingJobParams {
  std::string job_id;  // at most 128 bytes; empty = a UUID is made
  TrainingJobKind kind = TrainingJobKind::kFineTune;
  // 1..512 bytes; own before global. Without a version the highest at the time of submission.
  std::string base_model_id;
  std::optional<int32_t> base_model_version;
  // The model that comes out, of this scope: 1..512 bytes; empty = "jammi:fine-tuned:<job_id>" (not for a
  // context predictor, CAT-066). Without a version it is registered as the next one when the job completes,
  // and not before, so that nobody resolves a model that has no files yet. With a version, which must be
  // registered already, that version is given its files.
  std::string output_model_id;
  std::optional<int32_t> output_model_version;
  std::string training_source;               // 1..4096 bytes
  std::string loss_type;                     // 1..128 bytes
  std::string hyperparams = "{}";            // JSON text of at most 256 KiB
  std::optional<std::string> training_spec;  // JSON text of at most 1 MiB
  int32_t priority = 0;                      // higher first
  bool claimable = true;                     // false: held until Unhold()
};

struct TrainingJobFilter {
  std::optional<TrainingJobStatus> status;  // absent = all
};

struct TrainingJobCounts {
  int64_t queued = 0;  // held ones included
  int64_t running = 0;
  int64_t completed = 0;
  int64_t failed = 0;
  int64_t cancelled = 0;
  bool operator==(const TrainingJobCounts&) const = default;
};

// The jobs, seen by one scope. A light handle: cheap to copy, thread-safe.
//
// Every verb is one transaction; a change is durable when it returns, and an error changes nothing,
// kOutcomeUnknown excepted. Every change is an event of the topic jammi.catalog.changes, kind "training_job":
// whoever waits for work looks at JobQueue::Waiting() when the head of that topic moves.
// Errors of all: kInvalidArgument, which names the argument; those of CatalogBackend::RunTransaction;
// kDataLoss with BackendDetail(kTypeConversion) for a damaged row.
class TrainingJobs {
 public:
  explicit TrainingJobs(CatalogAccess access) : access_(std::move(access)) {}

  [[nodiscard]] const Scope& scope() const { return access_.scope; }
  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] TrainingJobs WithDeadline(Deadline deadline) const {
    return TrainingJobs(access_.Until(deadline));
  }

  // Submits a job, owned by this scope: queued, attempts 0 (CAT-050).
  // Errors: kNotFound with ModelNotFoundDetail: no such base model is visible, or this scope has no such
  // output version; kAlreadyExists with TrainingJobDetail: this scope has a job of that id.
  [[nodiscard]] Result<TrainingJobRecord> Create(const CreateTrainingJobParams& params);

  // The own job of that id, else the global one. Errors: kNotFound with TrainingJobDetail.
  [[nodiscard]] Result<TrainingJobRecord> Get(std::string_view job_id) const;

  // Visible jobs, the newest first; `page_size` (1..1000) at a time; `page_token` from the page before,
  // with the same filter. A job that is there all the time, with that status, is listed exactly once.
  [[nodiscard]] Result<Page<TrainingJobRecord>> List(const TrainingJobFilter& filter = {},
                                                     int page_size = kDefaultPageSize,
                                                     std::string_view page_token = {}) const;

  // Visible jobs by status. It counts them one by one, in an index: a second for some ten million.
  [[nodiscard]] Result<TrainingJobCounts> CountByStatus() const;

  // The verbs below change a job that this scope owns. Errors of all: kNotFound with TrainingJobDetail,
  // also for a global or another's; kFailedPrecondition with TrainingJobDetail: it is finished (of Delete:
  // it is not).

  // A queued job is cancelled when this returns. Of a running one it is requested: its worker learns it
  // with the next renewal, and if he is gone the job is cancelled when his lease has expired. A worker who
  // completes the job first has completed it. Nothing happens to a job that is cancelled already.
  [[nodiscard]] Result<TrainingJobRecord> Cancel(std::string_view job_id);

  // Its place in the queue, now or when a running job is queued again.
  [[nodiscard]] Result<TrainingJobRecord> SetPriority(std::string_view job_id, int32_t priority);

  // A held job is not claimed. Holding a running one takes effect when it is queued again.
  [[nodiscard]] Result<TrainingJobRecord> Hold(std::string_view job_id);
  [[nodiscard]] Result<TrainingJobRecord> Unhold(std::string_view job_id);

  // Removes a finished job, which then no longer keeps its models from being deleted (WK-12).
  [[nodiscard]] Result<void> Delete(std::string_view job_id);

  // Removes up to `limit` (1..1000) own jobs that were finished before that time, the oldest first.
  // Returns how many. Fewer than `limit`: that was all, unless another deletes at the same time.
  [[nodiscard]] Result<int64_t> DeleteFinishedBefore(UnixMicros time, int limit = kDefaultPageSize);

 private:
  using Change = Result<TrainingJobRecord> (*)(Transaction&, const TrainingJobRecord&, int64_t value);
  [[nodiscard]] Result<TrainingJobRecord> ChangeOwn(std::string_view job_id, Change change, int64_t value);

  CatalogAccess access_;
};

// What a worker shows with every write for a job that it has claimed.
struct JobClaim {
  int64_t sequence = 0;
  LeaseToken lease;
  bool operator==(const JobClaim&) const = default;
};

struct ClaimedJob {
  TrainingJobRecord job;
  JobClaim claim;
  // A moment before the claim, on this machine's monotonic clock: the lease holds until that plus its
  // length at least. For LeaseKeeper.
  std::chrono::steady_clock::time_point granted_at;
};

// What a job has made. All but the path is for an output that is registered when the job completes; a
// version that was reserved at submission has it already.
struct TrainedModel {
  std::string artifact_path;               // 1..4096 bytes: where its files lie
  std::string model_type = "fine-tuned";   // 1..128 bytes
  std::string backend = "candle";          // at most 128 bytes
  std::optional<ModelTask> task;           // absent = that of the base model
  std::optional<std::string> config_json;  // JSON text of at most 256 KiB
};

struct WaitingJobs {
  bool claimable = false;  // Claim() would find one
  // Until the next lease expires, unless it is renewed; zero or less: ReclaimExpired() would find one.
  std::optional<std::chrono::microseconds> next_expiry;
};

struct ReclaimedJobs {
  int64_t queued = 0;     // to be tried again
  int64_t failed = 0;     // tried often enough
  int64_t cancelled = 0;  // their cancellation had been requested
  [[nodiscard]] int64_t total() const { return queued + failed + cancelled; }
  bool operator==(const ReclaimedJobs&) const = default;
};

// The queue, for workers. It sees the jobs of every scope, so no session of a tenant gives it out; the
// record says whose the job is, and the worker does the rest of its work in that scope. A light handle:
// cheap to copy, thread-safe.
//
// A write under a lease that is no longer held changes nothing and fails with kFailedPrecondition and
// LeaseLostDetail: the claim was made by another worker or in another epoch, has expired (also if nobody has
// taken the job since), or the job is finished or gone. Every verb is one transaction; other errors are
// those of TrainingJobs. After kOutcomeUnknown: a claim that was made expires by itself; any other verb
// may be repeated, and answers LeaseLostDetail with the same epoch if it was done the first time.
class JobQueue {
 public:
  explicit JobQueue(std::shared_ptr<CatalogBackend> backend, Deadline deadline = {})
      : backend_(std::move(backend)), deadline_(deadline) {}

  // The same handle, whose calls fail with kDeadlineExceeded if they cannot begin in time.
  [[nodiscard]] JobQueue WithDeadline(Deadline deadline) const { return JobQueue(backend_, deadline); }

  // Whether there is something to do: one read, so that an idle worker writes nothing (WK-24). It may be
  // outdated when it returns.
  [[nodiscard]] Result<WaitingJobs> Waiting() const;

  // Takes the queued job that is not held, of the highest priority, the oldest of these (CAT-054), for
  // `lease` (kMinLease to kMaxLease), with the next epoch. nullopt: there is none. Of claims at the same
  // time each gets another job (CAT-055); where one of them has not committed yet, another passes it over.
  [[nodiscard]] Result<std::optional<ClaimedJob>> Claim(std::string_view worker,
                                                        std::chrono::microseconds lease);

  // The lease ends `lease` from now. Goes before other work (Lane::kUrgent).
  [[nodiscard]] Result<LeaseRenewal> Heartbeat(const JobClaim& claim, std::chrono::microseconds lease);

  // Members of `metrics` (a JSON object of at most 1 MiB) replace those of the same name; the others stay.
  // So do the metrics of the verbs below.
  [[nodiscard]] Result<void> UpdateMetrics(const JobClaim& claim, std::string_view metrics);

  // In one transaction: the job is completed, and exactly one version of its output model has its files at
  // `model.artifact_path` (CAT-058, WK-07). Returns that version.
  [[nodiscard]] Result<ModelRecord> Finalize(const JobClaim& claim, const TrainedModel& model,
                                             const std::optional<std::string>& metrics = std::nullopt);

  [[nodiscard]] Result<void> Fail(const JobClaim& claim,
                                  const std::optional<std::string>& metrics = std::nullopt);

  // Gives the job back unfinished: it is queued at its old place, and the attempt does not count. One whose
  // cancellation was requested is cancelled.
  [[nodiscard]] Result<void> GiveBack(const JobClaim& claim,
                                      const std::optional<std::string>& metrics = std::nullopt);

  // Frees up to `limit` (1..1000) jobs whose lease has expired, the longest expired first, in one
  // transaction: those with less than `max_attempts` (1 or more) attempts are queued again at their old
  // place, the others fail, with an error message added to their metrics (CAT-060).
  [[nodiscard]] Result<ReclaimedJobs> ReclaimExpired(int32_t max_attempts, int limit = kDefaultPageSize);

 private:
  [[nodiscard]] TxOptions Writing(Lane lane = Lane::kNormal) const {
    return {.lane = lane, .deadline = deadline_};
  }

  std::shared_ptr<CatalogBackend> backend_;
  Deadline deadline_;
};

}  // namespace jammi
