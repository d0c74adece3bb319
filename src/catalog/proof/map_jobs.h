// Training jobs and their queue as maps.
#pragma once

#include <nlohmann/json.hpp>

#include "catalog/proof/map_catalog.h"
#include "catalog/proof/map_models.h"

namespace jammi::proof {

using JobStatus = TrainingJobStatus;

inline void SetMetrics(TrainingJobRecord& job, const std::optional<std::string>& more) {
  if (more && job.metrics) {
    auto merged = nlohmann::json::parse(*job.metrics);
    merged.update(nlohmann::json::parse(*more));
    job.metrics = merged.dump();
  } else if (more) {
    job.metrics = more;
  }
  if (!job.metrics) return;
  const auto metrics = nlohmann::json::parse(*job.metrics);
  if (metrics.contains("error_message")) job.error_message = metrics["error_message"].get<std::string>();
}

inline void Finish(Maps& maps, TrainingJobRecord& job, JobStatus status) {
  job.status = status;
  job.lease_expires_at.reset();
  job.updated_at = maps.now;
}

class MapJobs {
 public:
  MapJobs(Maps& maps, Scope scope) : maps_(maps), scope_(std::move(scope)) {}

  Result<TrainingJobRecord> Create(const CreateTrainingJobParams& params) {
    MapModels models(maps_, scope_);
    JAMMI_ASSIGN(const auto base, models.Seen(params.base_model_id, params.base_model_version));
    const ModelRecord* reserved = nullptr;
    if (params.output_model_version) {
      reserved = models.Find(scope_, params.output_model_id, params.output_model_version);
      if (reserved == nullptr) return Missing();
    }
    const std::string job_id = params.job_id.empty() ? maps_.NewId() : params.job_id;
    if (Own(maps_.jobs, scope_, job_id) != nullptr) return Exists();
    return maps_.jobs[{scope_, job_id}] = {
               .job_id = job_id,
               .owner = scope_,
               .sequence = ++maps_.last_job,
               .kind = params.kind,
               .base_model_id = base.model_id,
               .base_model_version = base.version,
               .base_model_uid = base.uid,
               .output_model_id =
                   params.output_model_id.empty() ? "jammi:fine-tuned:" + job_id : params.output_model_id,
               .output_model_uid = reserved == nullptr ? std::nullopt : std::optional(reserved->uid),
               .training_source = params.training_source,
               .loss_type = params.loss_type,
               .hyperparams = params.hyperparams,
               .training_spec = params.training_spec,
               .priority = params.priority,
               .claimable = params.claimable,
               .created_at = maps_.now,
               .updated_at = maps_.now};
  }
  Result<TrainingJobRecord> Get(const std::string& job_id) {
    const auto* job = Visible(maps_.jobs, scope_, job_id);
    return job == nullptr ? Result<TrainingJobRecord>(Missing()) : *job;
  }
  // Newest first.
  Result<Page<TrainingJobRecord>> List(const TrainingJobFilter& filter, int size, const std::string& token) {
    std::vector<TrainingJobRecord> seen;
    for (const auto& [key, job] : maps_.jobs) {
      if (scope_.Sees(job.owner) && (!filter.status || job.status == *filter.status)) seen.push_back(job);
    }
    const auto before = [](const TrainingJobRecord& a, const TrainingJobRecord& b) {
      return a.sequence > b.sequence;
    };
    return maps_.job_pages.Cut(std::move(seen), before, size, token);
  }
  Result<TrainingJobCounts> CountByStatus() {
    std::map<JobStatus, int64_t> counts;
    for (const auto& [key, job] : maps_.jobs) {
      if (scope_.Sees(job.owner)) ++counts[job.status];
    }
    return TrainingJobCounts{.queued = counts[JobStatus::kQueued],
                             .running = counts[JobStatus::kRunning],
                             .completed = counts[JobStatus::kCompleted],
                             .failed = counts[JobStatus::kFailed],
                             .cancelled = counts[JobStatus::kCancelled]};
  }
  Result<TrainingJobRecord> Cancel(const std::string& job_id) {
    auto* job = Own(maps_.jobs, scope_, job_id);
    if (job == nullptr) return Missing();
    if (job->status == JobStatus::kCancelled || (!IsFinal(job->status) && job->cancel_requested)) return *job;
    if (IsFinal(job->status)) return WrongState();
    job->updated_at = maps_.now;
    if (job->status == JobStatus::kQueued) {
      Finish(maps_, *job, JobStatus::kCancelled);
    } else {
      job->cancel_requested = true;
    }
    return *job;
  }
  Result<TrainingJobRecord> SetPriority(const std::string& job_id, int32_t priority) {
    return Set(job_id, &TrainingJobRecord::priority, priority);
  }
  Result<TrainingJobRecord> Hold(const std::string& job_id) {
    return Set(job_id, &TrainingJobRecord::claimable, false);
  }
  Result<TrainingJobRecord> Unhold(const std::string& job_id) {
    return Set(job_id, &TrainingJobRecord::claimable, true);
  }
  Result<void> Delete(const std::string& job_id) {
    const auto* job = Own(maps_.jobs, scope_, job_id);
    if (job == nullptr) return Missing();
    if (!IsFinal(job->status)) return WrongState();
    maps_.jobs.erase({scope_, job_id});
    return {};
  }
  Result<int64_t> DeleteFinishedBefore(UnixMicros time, int limit) {
    std::vector<std::pair<UnixMicros, Key>> finished;
    for (const auto& [key, job] : maps_.jobs) {
      if (job.owner == scope_ && IsFinal(job.status) && job.updated_at < time) {
        finished.emplace_back(job.updated_at, key);
      }
    }
    std::ranges::sort(finished);
    if (finished.size() > static_cast<size_t>(limit))
      finished.erase(finished.begin() + limit, finished.end());
    for (const auto& [updated_at, key] : finished) maps_.jobs.erase(key);
    return static_cast<int64_t>(finished.size());
  }

 private:
  template <class T>
  Result<TrainingJobRecord> Set(const std::string& job_id, T TrainingJobRecord::*field, T value) {
    auto* job = Own(maps_.jobs, scope_, job_id);
    if (job == nullptr) return Missing();
    if (IsFinal(job->status)) return WrongState();
    if (job->*field != value) job->updated_at = maps_.now;
    job->*field = value;
    return *job;
  }

  Maps& maps_;
  Scope scope_;
};

class MapQueue {
 public:
  explicit MapQueue(Maps& maps) : maps_(maps) {}

  Result<WaitingJobs> Waiting() {
    WaitingJobs waiting{.claimable = Next() != nullptr};
    for (const auto& [key, job] : maps_.jobs) {
      if (!job.lease_expires_at) continue;
      const std::chrono::microseconds left(*job.lease_expires_at - maps_.now);
      waiting.next_expiry = waiting.next_expiry ? std::min(*waiting.next_expiry, left) : left;
    }
    return waiting;
  }
  Result<std::optional<ClaimedJob>> Claim(const std::string& worker, std::chrono::microseconds lease) {
    auto* job = Next();
    if (job == nullptr) return std::optional<ClaimedJob>();
    job->status = JobStatus::kRunning;
    ++job->attempts;
    job->claimed_by = worker;
    job->lease_expires_at = maps_.now + lease.count();
    job->updated_at = maps_.now;
    const JobClaim claim{job->sequence, {worker, ++job->lease_epoch}};
    return std::optional(ClaimedJob{.job = *job, .claim = claim, .granted_at = {}});
  }
  Result<LeaseRenewal> Heartbeat(const JobClaim& claim, std::chrono::microseconds lease) {
    auto* job = Held(claim);
    if (job == nullptr) return WrongState();
    job->lease_expires_at = maps_.now + lease.count();
    return LeaseRenewal{*job->lease_expires_at, job->cancel_requested};
  }
  Result<void> UpdateMetrics(const JobClaim& claim, const std::string& metrics) {
    auto* job = Held(claim);
    if (job == nullptr) return WrongState();
    SetMetrics(*job, metrics);
    job->updated_at = maps_.now;
    return {};
  }
  Result<ModelRecord> Finalize(const JobClaim& claim, const TrainedModel& model,
                               const std::optional<std::string>& metrics) {
    auto* job = Held(claim);
    if (job == nullptr) return WrongState();
    SetMetrics(*job, metrics);
    MapModels models(maps_, job->owner);
    const auto output = Output(models, *job, model);
    job->output_model_uid = output->uid;
    Finish(maps_, *job, JobStatus::kCompleted);
    return output;
  }
  Result<void> Fail(const JobClaim& claim, const std::optional<std::string>& metrics) {
    auto* job = Held(claim);
    if (job == nullptr) return WrongState();
    SetMetrics(*job, metrics);
    Finish(maps_, *job, JobStatus::kFailed);
    return {};
  }
  Result<void> GiveBack(const JobClaim& claim, const std::optional<std::string>& metrics) {
    auto* job = Held(claim);
    if (job == nullptr) return WrongState();
    SetMetrics(*job, metrics);
    if (job->cancel_requested) {
      Finish(maps_, *job, JobStatus::kCancelled);
    } else {
      --job->attempts;
      Requeue(*job);
    }
    return {};
  }
  Result<ReclaimedJobs> ReclaimExpired(int32_t max_attempts, int /*limit*/) {
    ReclaimedJobs reclaimed;
    for (auto& [key, job] : maps_.jobs) {
      if (!job.lease_expires_at || *job.lease_expires_at > maps_.now) continue;
      if (job.cancel_requested) {
        Finish(maps_, job, JobStatus::kCancelled);
        ++reclaimed.cancelled;
      } else if (job.attempts < max_attempts) {
        Requeue(job);
        ++reclaimed.queued;
      } else {
        SetMetrics(job, R"({"error_message":"training job lease expired after exhausting max attempts"})");
        Finish(maps_, job, JobStatus::kFailed);
        ++reclaimed.failed;
      }
    }
    return reclaimed;
  }

 private:
  TrainingJobRecord* Next() {
    TrainingJobRecord* next = nullptr;
    for (auto& [key, job] : maps_.jobs) {
      if (job.status != JobStatus::kQueued || !job.claimable) continue;
      if (next == nullptr ||
          std::pair(-job.priority, job.sequence) < std::pair(-next->priority, next->sequence)) {
        next = &job;
      }
    }
    return next;
  }
  TrainingJobRecord* Held(const JobClaim& claim) {
    for (auto& [key, job] : maps_.jobs) {
      if (job.sequence != claim.sequence) continue;
      const bool live = job.lease_expires_at && *job.lease_expires_at > maps_.now;
      return live && job.claimed_by == claim.lease.holder && job.lease_epoch == claim.lease.epoch ? &job
                                                                                                  : nullptr;
    }
    return nullptr;
  }
  static Result<ModelRecord> Output(MapModels& models, const TrainingJobRecord& job,
                                    const TrainedModel& made) {
    if (job.output_model_uid) {
      ModelRecord& reserved = *models.WithUid(*job.output_model_uid);
      reserved.artifact_path = made.artifact_path;
      return models.Changed(reserved);
    }
    const ModelRecord& base = *models.WithUid(job.base_model_uid);
    return models.RegisterNext({.model_id = job.output_model_id,
                                .model_type = made.model_type,
                                .backend = made.backend,
                                .task = made.task.value_or(base.task),
                                .base_model_id = base.model_id,
                                .artifact_path = made.artifact_path,
                                .config_json = made.config_json});
  }
  void Requeue(TrainingJobRecord& job) {
    job.status = JobStatus::kQueued;
    job.claimed_by.reset();
    job.lease_expires_at.reset();
    job.updated_at = maps_.now;
  }

  Maps& maps_;
};

}  // namespace jammi::proof
