// Jobs to submit and workers to take them.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "catalog/repo_fixture.h"
#include "jammi/jobs.h"

namespace jammi::test {

inline constexpr std::chrono::hours kLease{1};

class JobsTest : public RepoTest {
 protected:
  using Status = TrainingJobStatus;

  JobsTest() {
    for (const Scope& scope : {kA, kB, kGlobal}) RegisterModel(scope, "base");
  }

  TrainingJobs JobsOf(const Scope& scope) const { return TrainingJobs(Access(scope)); }
  JobQueue Queue() const { return JobQueue(Access(kGlobal).backend); }

  static CreateTrainingJobParams Params(std::string job_id, int32_t priority = 0) {
    return {.job_id = std::move(job_id),
            .base_model_id = "base",
            .training_source = "reviews",
            .loss_type = "contrastive",
            .priority = priority};
  }
  TrainingJobRecord Submit(const Scope& scope, std::string job_id, int32_t priority = 0) const {
    return Ok(JobsOf(scope).Create(Params(std::move(job_id), priority)));
  }
  TrainingJobRecord Get(const Scope& scope, std::string_view job_id) const {
    return Ok(JobsOf(scope).Get(job_id));
  }

  // The job that a worker gets, or the end of the test.
  ClaimedJob Claim(std::string_view worker, std::chrono::microseconds lease = kLease) const {
    auto claimed = Ok(Queue().Claim(worker, lease));
    if (!claimed) throw std::runtime_error("no job to claim");
    return std::move(*claimed);
  }
  // Its id; empty when there is none.
  std::string ClaimedId(std::string_view worker = "worker") const {
    const auto claimed = Ok(Queue().Claim(worker, kLease));
    return claimed ? claimed->job.job_id : "";
  }
  // All leases of the usual length expire.
  void ExpireLeases() { MoveClock(2 * kLease); }

  template <class T>
  static bool IsLost(const Result<T>& result, int64_t epoch, int64_t current_epoch) {
    if (result || result.error().code() != ErrorCode::kFailedPrecondition) return false;
    const auto* detail = result.error().template As<LeaseLostDetail>();
    return detail != nullptr && detail->kind == "training job" && detail->epoch == epoch &&
           detail->current_epoch == current_epoch;
  }
  template <class T>
  static bool IsJobError(const Result<T>& result, ErrorCode code, std::string_view job_id,
                         std::string_view status = {}) {
    if (result || result.error().code() != code) return false;
    const auto* detail = result.error().template As<TrainingJobDetail>();
    return detail != nullptr && detail->job_id == job_id && detail->status == status;
  }
};

}  // namespace jammi::test
