// Random verbs by users and workers, beside a model in memory: the same answers, the same jobs.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "catalog/job_fixture.h"
#include "support/random.h"

namespace jammi::test {
namespace {

using std::chrono::minutes;

// Time passes in steps of ten minutes and leases last five more than a number of them, so that the seconds
// that a server's clock adds by itself decide nothing.
constexpr int kStep = 10;
constexpr int kLeaseMinutes = 25;

struct ModelJob {
  Scope owner = Scope::Global();
  std::string id;
  int64_t sequence = 0;
  TrainingJobStatus status = TrainingJobStatus::kQueued;
  int32_t priority = 0;
  bool claimable = true;
  bool cancel_requested = false;
  int32_t attempts = 0;
  std::optional<std::string> holder;
  int64_t epoch = 0;
  int64_t expires = 0;  // in minutes

  bool operator==(const ModelJob&) const = default;
};

class JobModelTest : public JobsTest {
 protected:
  using Code = std::optional<ErrorCode>;
  using Key = std::pair<std::string, std::string>;

  // --- What the database says, in the model's words.

  ModelJob AsModel(const TrainingJobRecord& job) const {
    return {job.owner,
            job.job_id,
            job.sequence,
            job.status,
            job.priority,
            job.claimable,
            job.cancel_requested,
            job.attempts,
            job.claimed_by,
            job.lease_epoch,
            0};
  }
  static ModelJob WithoutTime(ModelJob job) {
    job.expires = 0;
    return job;
  }

  // --- The model.

  ModelJob* Find(const Scope& owner, const std::string& id) {
    const auto found = jobs_.find({owner.Key(), id});
    return found == jobs_.end() ? nullptr : &found->second;
  }
  // The job that a claim holds, if it does.
  ModelJob* Held(const JobClaim& claim) {
    for (auto& [key, job] : jobs_) {
      if (job.sequence == claim.sequence && job.status == Status::kRunning &&
          job.holder == claim.lease.holder && job.epoch == claim.lease.epoch && job.expires > now_) {
        return &job;
      }
    }
    return nullptr;
  }
  ModelJob* NextToClaim() {
    ModelJob* next = nullptr;
    for (auto& [key, job] : jobs_) {
      if (job.status != Status::kQueued || !job.claimable) continue;
      if (next == nullptr ||
          std::pair(-job.priority, job.sequence) < std::pair(-next->priority, next->sequence))
        next = &job;
    }
    return next;
  }
  static void Requeue(ModelJob& job) {
    job.status = Status::kQueued;
    job.holder.reset();
  }

  // --- Verbs: each does it in both and compares the answers.

  void DoCreate(const Scope& scope, const std::string& id) {
    const auto priority = static_cast<int32_t>(random_.Below(3));
    auto params = Params(id, priority);
    params.claimable = random_.Percent(80);
    const auto created = JobsOf(scope).Create(params);
    if (Find(scope, id) != nullptr) {
      EXPECT_EQ(CodeOf(created), ErrorCode::kAlreadyExists);
      return;
    }
    ModelJob job{.owner = scope, .id = id, .priority = priority, .claimable = params.claimable};
    ASSERT_TRUE(created);
    EXPECT_GT(created->sequence, last_sequence_);
    job.sequence = last_sequence_ = created->sequence;
    EXPECT_EQ(AsModel(*created), job);
    jobs_[{scope.Key(), id}] = job;
  }

  void DoClaim(const std::string& worker) {
    const auto claimed = Ok(Queue().Claim(worker, minutes(kLeaseMinutes)));
    ModelJob* next = NextToClaim();
    ASSERT_EQ(claimed.has_value(), next != nullptr);
    if (next == nullptr) return;
    next->status = Status::kRunning;
    next->holder = worker;
    next->attempts += 1;
    next->epoch += 1;
    next->expires = now_ + kLeaseMinutes;
    EXPECT_EQ(AsModel(claimed->job), WithoutTime(*next));
    claims_.push_back(claimed->claim);
  }

  void DoReclaim() {
    constexpr int kMaxAttempts = 3;
    ReclaimedJobs expected;
    for (auto& [key, job] : jobs_) {
      if (job.status != Status::kRunning || job.expires > now_) continue;
      if (job.cancel_requested) {
        job.status = Status::kCancelled;
        ++expected.cancelled;
      } else if (job.attempts >= kMaxAttempts) {
        job.status = Status::kFailed;
        ++expected.failed;
      } else {
        Requeue(job);
        ++expected.queued;
      }
    }
    EXPECT_EQ(Ok(Queue().ReclaimExpired(kMaxAttempts, 1000)), expected);
  }

  void DoWork(const JobClaim& claim, uint64_t verb) {
    ModelJob* job = Held(claim);
    const Code expected = job == nullptr ? Code(ErrorCode::kFailedPrecondition) : std::nullopt;
    switch (verb) {
      case 0: {
        const auto renewed = Queue().Heartbeat(claim, minutes(kLeaseMinutes));
        ASSERT_EQ(CodeOf(renewed), expected);
        if (job == nullptr) return;
        job->expires = now_ + kLeaseMinutes;
        EXPECT_EQ(renewed->cancel_requested, job->cancel_requested);
        return;
      }
      case 1:
        ASSERT_EQ(CodeOf(Queue().Finalize(claim, {.artifact_path = "file:///x"})), expected);
        if (job != nullptr) job->status = Status::kCompleted;
        return;
      case 2:
        ASSERT_EQ(CodeOf(Queue().Fail(claim)), expected);
        if (job != nullptr) job->status = Status::kFailed;
        return;
      case 3:
        ASSERT_EQ(CodeOf(Queue().GiveBack(claim)), expected);
        if (job == nullptr) return;
        if (job->cancel_requested) {
          job->status = Status::kCancelled;
        } else {
          Requeue(*job);
          job->attempts -= 1;
        }
        return;
      default:
        ASSERT_EQ(CodeOf(Queue().UpdateMetrics(claim, R"({"loss":1})")), expected);
    }
  }

  // What a verb of a user must answer for a job that is not finished; for a finished one `finished`.
  Code Expected(const ModelJob* job, Code finished = ErrorCode::kFailedPrecondition) const {
    if (job == nullptr) return ErrorCode::kNotFound;
    return IsFinal(job->status) ? finished : std::nullopt;
  }

  void DoManage(const Scope& scope, const std::string& id, uint64_t verb) {
    ModelJob* job = Find(scope, id);
    Code expected = Expected(job);
    switch (verb) {
      case 0:
        if (job != nullptr && job->status == Status::kCancelled) expected.reset();
        ASSERT_EQ(CodeOf(JobsOf(scope).Cancel(id)), expected);
        if (expected) return;
        if (job->status == Status::kRunning) job->cancel_requested = true;
        if (job->status == Status::kQueued) job->status = Status::kCancelled;
        return;
      case 1: {
        const auto priority = static_cast<int32_t>(random_.Below(3));
        ASSERT_EQ(CodeOf(JobsOf(scope).SetPriority(id, priority)), expected);
        if (!expected) job->priority = priority;
        return;
      }
      case 2:
        ASSERT_EQ(CodeOf(JobsOf(scope).Hold(id)), expected);
        if (!expected) job->claimable = false;
        return;
      case 3:
        ASSERT_EQ(CodeOf(JobsOf(scope).Unhold(id)), expected);
        if (!expected) job->claimable = true;
        return;
      default:
        if (job != nullptr) expected = IsFinal(job->status) ? Code() : ErrorCode::kFailedPrecondition;
        ASSERT_EQ(CodeOf(JobsOf(scope).Delete(id)), expected);
        if (!expected) jobs_.erase({scope.Key(), id});
    }
  }

  void DoAny() {
    const Scope& scope = scopes_[random_.Below(scopes_.size())];
    const std::string id = fmt::format("j{}", random_.Below(12));
    const uint64_t die = random_.Below(100);
    if (die < 20) {
      DoCreate(scope, id);
    } else if (die < 45) {
      DoClaim(fmt::format("w{}", random_.Below(2)));
    } else if (die < 70 && !claims_.empty()) {
      // Mostly a late one, and often one of the past.
      const size_t back = std::min<size_t>(claims_.size(), 1 + random_.Below(4) * random_.Below(4));
      DoWork(claims_[claims_.size() - back], random_.Below(5));
    } else if (die < 90) {
      DoManage(scope, id, random_.Below(5));
    } else if (die < 95) {
      DoReclaim();
    } else {
      now_ += kStep;
      MoveClock(minutes(kStep));
    }
  }

  void CompareAll() {
    for (const Scope& scope : scopes_) {
      std::vector<ModelJob> expected;
      TrainingJobCounts counts;
      for (const auto& [key, job] : jobs_) {
        if (key.first != scope.Key() && !key.first.empty()) continue;
        expected.push_back(WithoutTime(job));
        ++(job.status == Status::kQueued      ? counts.queued
           : job.status == Status::kRunning   ? counts.running
           : job.status == Status::kCompleted ? counts.completed
           : job.status == Status::kFailed    ? counts.failed
                                              : counts.cancelled);
      }
      std::ranges::sort(expected, std::ranges::greater(), &ModelJob::sequence);
      std::vector<ModelJob> listed;
      for (const auto& job :
           AllPages([&](const std::string& token) { return JobsOf(scope).List({}, 7, token); })) {
        listed.push_back(AsModel(job));
      }
      ASSERT_EQ(listed, expected);
      EXPECT_EQ(Ok(JobsOf(scope).CountByStatus()), counts);
    }
    EXPECT_EQ(Ok(Queue().Waiting()).claimable, NextToClaim() != nullptr);
  }

  const std::vector<Scope> scopes_ = {kA, kB, kGlobal};
  const uint64_t seed_ = FromEnvironment("JAMMI_JOBS_SEED", 1);
  Random random_{seed_};
  int64_t now_ = 0;
  int64_t last_sequence_ = 0;
  std::map<Key, ModelJob> jobs_;
  std::vector<JobClaim> claims_;
};

JAMMI_ON_EVERY_DATABASE(JobModelTest);

TEST_P(JobModelTest, RandomVerbsAnswerAsTheModelDoes) {
  SCOPED_TRACE(Replay("JAMMI_JOBS_SEED", seed_));
  for (int i = 1; i <= 2000 && !HasFailure(); ++i) {
    DoAny();
    if (i % 50 == 0) CompareAll();
    if (i % 700 == 0) Reopen();
  }
}

}  // namespace
}  // namespace jammi::test
