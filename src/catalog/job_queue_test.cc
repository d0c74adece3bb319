// Training jobs as their workers see them.
#include <fmt/format.h>

#include <future>
#include <thread>

#include "catalog/job_fixture.h"
#include "jammi/lease_keeper.h"

namespace jammi::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

class JobQueueTest : public JobsTest {};

JAMMI_ON_EVERY_DATABASE(JobQueueTest);

TEST_P(JobQueueTest, Cat054AClaimTakesTheJobAndSaysWhoseItIs) {
  Submit(kA, "j");
  const UnixMicros before = Now();
  const auto [job, claim, granted_at] = Claim("w");
  EXPECT_EQ(job.job_id, "j");
  EXPECT_EQ(job.owner, kA);
  EXPECT_EQ(job.status, Status::kRunning);
  EXPECT_EQ(job.claimed_by, "w");
  EXPECT_EQ(job.attempts, 1);
  EXPECT_EQ(job.lease_epoch, 1);
  EXPECT_GE(*job.lease_expires_at, before + std::chrono::microseconds(kLease).count());
  EXPECT_EQ(claim, (JobClaim{job.sequence, {"w", 1}}));
  EXPECT_LE(granted_at, std::chrono::steady_clock::now());
  EXPECT_EQ(Get(kA, "j"), job);
  EXPECT_EQ(ClaimedId(), "");
}

// Case 26.
TEST_P(JobQueueTest, Cat054ClaimTakesTheHighestPriorityFirstThenTheOldest) {
  Submit(kA, "old");
  Submit(kB, "young");
  Submit(kGlobal, "low", -1);
  Submit(kA, "urgent", 10);
  std::vector<std::string> order;
  for (int i = 0; i < 5; ++i) order.push_back(ClaimedId());
  EXPECT_THAT(order, ElementsAre("urgent", "old", "young", "low", ""));
}

// WK-28: the order is that of submission, whatever the clock says.
TEST_P(JobQueueTest, Wk28JobsOfOneMicrosecondAndOfAClockSetBackKeepTheirOrder) {
  Submit(kA, "1");
  Submit(kA, "2");
  MoveClock(-std::chrono::hours(24));
  Submit(kA, "3");
  std::vector<std::string> order;
  for (int i = 0; i < 3; ++i) order.push_back(ClaimedId());
  EXPECT_THAT(order, ElementsAre("1", "2", "3"));
}

TEST_P(JobQueueTest, APriorityMayChangeWhileTheJobWaits) {
  Submit(kA, "1");
  Submit(kA, "2");
  EXPECT_EQ(Ok(JobsOf(kA).SetPriority("2", 5)).priority, 5);
  EXPECT_EQ(ClaimedId(), "2");
}

// Case 27.
TEST_P(JobQueueTest, Cat054HeldJobsAreSkipped) {
  Submit(kA, "old");
  Submit(kA, "young");
  Ok(JobsOf(kA).Hold("old"));
  EXPECT_EQ(ClaimedId(), "young");
  EXPECT_EQ(ClaimedId(), "");
  EXPECT_TRUE(Ok(JobsOf(kA).Unhold("old")).claimable);
  EXPECT_EQ(ClaimedId(), "old");
}

// Case 25.
TEST_P(JobQueueTest, Cat055OfTwoClaimsOfOneJobOneWins) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = fmt::format("{}", round);
    Submit(kA, id);
    std::array<std::string, 2> claimed;
    {
      std::jthread a([&] { claimed[0] = ClaimedId("a"); });
      std::jthread b([&] { claimed[1] = ClaimedId("b"); });
    }
    EXPECT_THAT(claimed, UnorderedElementsAre(id, ""));
    const auto job = Get(kA, id);
    EXPECT_EQ(job.claimed_by, claimed[0] == id ? "a" : "b");
    EXPECT_EQ(job.attempts, 1);
    EXPECT_EQ(ClaimedId(), "");
  }
}

// Case 29.
TEST_P(JobQueueTest, Cat055TwoClaimsOfTwoJobsGetOneEach) {
  for (int round = 0; round < 20; ++round) {
    Submit(kA, fmt::format("{} low", round));
    Submit(kA, fmt::format("{} high", round), 10);
    std::array<std::string, 2> claimed;
    {
      std::jthread a([&] { claimed[0] = ClaimedId("a"); });
      std::jthread b([&] { claimed[1] = ClaimedId("b"); });
    }
    EXPECT_THAT(claimed, UnorderedElementsAre(fmt::format("{} low", round), fmt::format("{} high", round)));
  }
}

// On PostgreSQL; SQLite's one writer knows no claim that has not committed.
TEST_P(JobQueueTest, Cat055AClaimPassesOverOneThatHasNotCommitted) {
  if (backend().kind() == BackendKind::kSqlite) return;
  const int64_t first = Submit(kA, "first").sequence;
  Submit(kA, "second");
  std::future<std::string> other;
  bool passed_over = false;
  Ok(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("UPDATE training_jobs SET priority = priority WHERE sequence = $1", {first}));
    other = std::async(std::launch::async, [&] { return ClaimedId(); });
    passed_over = other.wait_for(std::chrono::seconds(20)) == std::future_status::ready;
    return {};
  }));
  EXPECT_TRUE(passed_over);
  EXPECT_EQ(other.get(), "second");
}

TEST_P(JobQueueTest, ManyWorkersShareTheQueueWithoutLossOrDouble) {
  constexpr int kJobs = 60;
  for (int i = 0; i < kJobs; ++i) Submit(kA, fmt::format("{}", i));
  std::array<std::vector<std::string>, 6> done;
  {
    std::vector<std::jthread> workers;
    for (size_t w = 0; w < done.size(); ++w) {
      workers.emplace_back([&, w] {
        const std::string name = fmt::format("w{}", w);
        while (const auto claimed = Ok(Queue().Claim(name, kLease))) {
          Ok(Queue().Heartbeat(claimed->claim, kLease));
          Ok(Queue().Fail(claimed->claim));
          done[w].push_back(claimed->job.job_id);
        }
      });
    }
  }
  std::vector<std::string> all;
  for (const auto& ids : done) all.insert(all.end(), ids.begin(), ids.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all.size(), static_cast<size_t>(kJobs));
  EXPECT_EQ(std::unique(all.begin(), all.end()), all.end());
  EXPECT_EQ(Ok(JobsOf(kA).CountByStatus()), (TrainingJobCounts{.failed = kJobs}));
}

// Case 28.
TEST_P(JobQueueTest, Cat060AReclaimedJobKeepsItsPlace) {
  Submit(kA, "old");
  Submit(kA, "urgent", 10);
  EXPECT_EQ(ClaimedId(), "urgent");
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(5)), (ReclaimedJobs{.queued = 1}));
  EXPECT_EQ(ClaimedId(), "urgent");
  EXPECT_EQ(ClaimedId(), "old");
}

// Case 30.
TEST_P(JobQueueTest, Cat056AHeartbeatIsTheOwnersAlone) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  JobClaim other = claimed.claim;
  other.lease.holder = "thief";
  EXPECT_TRUE(IsLost(Queue().Heartbeat(other, kLease), 1, 1));
  EXPECT_EQ(Get(kA, "j").lease_expires_at, claimed.job.lease_expires_at);
  MoveClock(minutes(1));
  const auto renewed = Ok(Queue().Heartbeat(claimed.claim, kLease));
  EXPECT_GT(renewed.expires_at, *claimed.job.lease_expires_at);
  EXPECT_FALSE(renewed.cancel_requested);
  EXPECT_EQ(Get(kA, "j").lease_expires_at, renewed.expires_at);
  Ok(Queue().Fail(claimed.claim));
  EXPECT_TRUE(IsLost(Queue().Heartbeat(claimed.claim, kLease), 1, 1));
}

// Case 31.
TEST_P(JobQueueTest, Cat060AJobThatWasTriedOftenEnoughFails) {
  Submit(kA, "j");
  const auto first = Claim("w");
  Ok(Queue().UpdateMetrics(first.claim, R"({"loss":0.5,"error_message":"old"})"));
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(2)), (ReclaimedJobs{.queued = 1}));
  const auto queued = Get(kA, "j");
  EXPECT_EQ(queued.status, Status::kQueued);
  EXPECT_EQ(queued.claimed_by, std::nullopt);
  EXPECT_EQ(queued.lease_expires_at, std::nullopt);

  EXPECT_EQ(Claim("w").job.attempts, 2);
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(2)), (ReclaimedJobs{.failed = 1}));
  const auto failed = Get(kA, "j");
  EXPECT_EQ(failed.status, Status::kFailed);
  EXPECT_EQ(failed.lease_expires_at, std::nullopt);
  EXPECT_THAT(failed.error_message.value_or(""), HasSubstr("lease expired"));
  EXPECT_THAT(failed.metrics.value_or(""), HasSubstr(R"("loss":0.5)"));  // what was there is not lost
  EXPECT_EQ(Ok(Queue().ReclaimExpired(2)).total(), 0);
}

// Case 32, WK-07.
TEST_P(JobQueueTest, Cat058OnlyTheHolderFinalizes) {
  Submit(kA, "j");
  const auto a = Claim("a");
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(5)).queued, 1);
  const auto b = Claim("b");
  EXPECT_TRUE(IsLost(Queue().Finalize(a.claim, {.artifact_path = "s3://x/a"}), 1, 2));
  EXPECT_EQ(Get(kA, "j").status, Status::kRunning);
  EXPECT_EQ(Get(kA, "j").output_model_uid, std::nullopt);
  EXPECT_EQ(CodeOf(ModelsOf(kA).Get("jammi:fine-tuned:j")), ErrorCode::kNotFound);

  const auto model = Ok(
      Queue().Finalize(b.claim, {.artifact_path = "s3://x/b"}, R"({"completed_at":"2026-01-02","loss":1})"));
  const auto job = Get(kA, "j");
  EXPECT_EQ(job.status, Status::kCompleted);
  EXPECT_EQ(job.output_model_uid, model.uid);
  EXPECT_EQ(job.completed_at, "2026-01-02");
  EXPECT_EQ(job.claimed_by, "b");
  EXPECT_EQ(model.artifact_path, "s3://x/b");
  EXPECT_EQ(model.base_model_id, "base");
  EXPECT_EQ(Ok(ModelsOf(kA).Get("jammi:fine-tuned:j")), model);

  EXPECT_TRUE(IsLost(Queue().Finalize(b.claim, {.artifact_path = "s3://x/again"}), 2, 2));
  EXPECT_EQ(Ok(ModelsOf(kA).Get("jammi:fine-tuned:j")), model);
}

TEST_P(JobQueueTest, Wk07AReservedVersionIsGivenItsFilesAndNoOther) {
  const auto one = Ok(ModelsOf(kA).RegisterNext({.model_id = "out", .model_type = "predictor"}));
  const auto two = Ok(ModelsOf(kA).RegisterNext({.model_id = "out", .model_type = "predictor"}));
  const auto namesake = Ok(ModelsOf(kB).RegisterNext({.model_id = "out", .model_type = "predictor"}));
  auto params = Params("j");
  params.output_model_id = "out";
  params.output_model_version = 1;
  Ok(JobsOf(kA).Create(params));
  const auto made = Ok(Queue().Finalize(Claim("w").claim, {.artifact_path = "s3://x"}));
  EXPECT_EQ(made.uid, one.uid);
  EXPECT_EQ(Ok(ModelsOf(kA).GetVersion("out", 1)).artifact_path, "s3://x");
  EXPECT_EQ(Ok(ModelsOf(kA).GetVersion("out", 2)), two);
  EXPECT_EQ(Ok(ModelsOf(kB).Get("out")), namesake);
}

TEST_P(JobQueueTest, Wk07ANamedOutputIsTheNextVersionOfTheJobsScope) {
  const auto before = Ok(ModelsOf(kA).RegisterNext({.model_id = "out", .model_type = "predictor"}));
  const auto namesake = Ok(ModelsOf(kB).RegisterNext({.model_id = "out", .model_type = "predictor"}));
  auto params = Params("j");
  params.output_model_id = "out";
  Ok(JobsOf(kA).Create(params));
  const auto claimed = Claim("w");
  EXPECT_EQ(Ok(ModelsOf(kA).Get("out")), before);  // nothing without files is resolved meanwhile
  const auto made = Ok(Queue().Finalize(claimed.claim, {.artifact_path = "s3://x",
                                                        .model_type = "predictor",
                                                        .backend = "onnx",
                                                        .task = ModelTask::kRegression,
                                                        .config_json = R"({"dim":3})"}));
  EXPECT_EQ(made.version, 2);
  EXPECT_EQ(made.owner, kA);
  EXPECT_EQ(made.backend, "onnx");
  EXPECT_EQ(made.task, ModelTask::kRegression);
  EXPECT_EQ(made.config_json, R"({"dim":3})");
  EXPECT_EQ(Ok(ModelsOf(kA).Get("out")), made);
  EXPECT_EQ(Ok(ModelsOf(kA).GetVersion("out", 1)), before);
  EXPECT_EQ(Ok(ModelsOf(kB).Get("out")), namesake);
}

// Case 33.
TEST_P(JobQueueTest, Cat059OnlyTheHolderFails) {
  Submit(kA, "j");
  const auto a = Claim("a");
  ExpireLeases();
  Ok(Queue().ReclaimExpired(5));
  const auto b = Claim("b");
  EXPECT_TRUE(IsLost(Queue().Fail(a.claim, R"({"error_message":"a"})"), 1, 2));
  EXPECT_EQ(Get(kA, "j").status, Status::kRunning);
  Ok(Queue().Fail(b.claim, R"({"error_message":"out of memory"})"));
  EXPECT_EQ(Get(kA, "j").status, Status::kFailed);
  EXPECT_EQ(Get(kA, "j").error_message, "out of memory");
}

// Case 34.
TEST_P(JobQueueTest, Cat060LiveLeasesAreLeftAlone) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  MoveClock(minutes(30));
  EXPECT_EQ(Ok(Queue().ReclaimExpired(3)).total(), 0);
  EXPECT_EQ(Get(kA, "j"), claimed.job);
}

// WK-16 and 9.6 (f): the same worker id, two epochs.
TEST_P(JobQueueTest, Wk16AnOldEpochOfTheSameWorkerCannotWrite) {
  Submit(kA, "j");
  const auto old = Claim("w");
  ExpireLeases();
  Ok(Queue().ReclaimExpired(5));
  const auto now = Claim("w");
  ASSERT_EQ(now.claim.lease.epoch, 2);
  const auto before = Get(kA, "j");
  EXPECT_TRUE(IsLost(Queue().Heartbeat(old.claim, kLease), 1, 2));
  EXPECT_TRUE(IsLost(Queue().UpdateMetrics(old.claim, "{}"), 1, 2));
  EXPECT_TRUE(IsLost(Queue().Finalize(old.claim, {.artifact_path = "s3://x"}), 1, 2));
  EXPECT_TRUE(IsLost(Queue().Fail(old.claim), 1, 2));
  EXPECT_TRUE(IsLost(Queue().GiveBack(old.claim), 1, 2));
  EXPECT_EQ(Get(kA, "j"), before);
  Ok(Queue().Fail(now.claim));
}

// WK-16: not even while nobody has taken the job.
TEST_P(JobQueueTest, Wk16AnExpiredLeaseIsNotRevived) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  ExpireLeases();
  const auto before = Get(kA, "j");
  EXPECT_TRUE(IsLost(Queue().Heartbeat(claimed.claim, kLease), 1, 1));
  EXPECT_TRUE(IsLost(Queue().UpdateMetrics(claimed.claim, "{}"), 1, 1));
  EXPECT_TRUE(IsLost(Queue().Finalize(claimed.claim, {.artifact_path = "s3://x"}), 1, 1));
  EXPECT_TRUE(IsLost(Queue().Fail(claimed.claim), 1, 1));
  EXPECT_TRUE(IsLost(Queue().GiveBack(claimed.claim), 1, 1));
  EXPECT_EQ(Get(kA, "j"), before);
}

TEST_P(JobQueueTest, AClaimOfAJobThatIsGoneIsLostEvenWhereItsIdIsUsedAgain) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  Ok(Queue().Fail(claimed.claim));
  Ok(JobsOf(kA).Delete("j"));
  Submit(kA, "j");
  const auto again = Claim("w");
  EXPECT_EQ(again.claim.lease, claimed.claim.lease);
  EXPECT_TRUE(IsLost(Queue().Fail(claimed.claim), 1, 0));
  EXPECT_EQ(Get(kA, "j").status, Status::kRunning);
}

TEST_P(JobQueueTest, WhatIsGivenBackIsQueuedAndTheAttemptDoesNotCount) {
  Submit(kA, "old");
  Submit(kA, "young");
  const auto claimed = Claim("w");
  Ok(Queue().GiveBack(claimed.claim, R"({"epochs":3})"));
  const auto job = Get(kA, "old");
  EXPECT_EQ(job.status, Status::kQueued);
  EXPECT_EQ(job.attempts, 0);
  EXPECT_EQ(job.lease_epoch, 1);
  EXPECT_EQ(job.claimed_by, std::nullopt);
  EXPECT_EQ(job.metrics, R"({"epochs":3})");
  const auto again = Claim("w");
  EXPECT_EQ(again.job.job_id, "old");
  EXPECT_EQ(again.claim.lease.epoch, 2);
  EXPECT_TRUE(IsLost(Queue().GiveBack(claimed.claim), 1, 2));
}

TEST_P(JobQueueTest, AJobThatIsHeldWhileItRunsIsHeldWhenItIsQueuedAgain) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  Ok(JobsOf(kA).Hold("j"));
  Ok(JobsOf(kA).SetPriority("j", 3));
  Ok(Queue().Heartbeat(claimed.claim, kLease));
  ExpireLeases();
  Ok(Queue().ReclaimExpired(5));
  EXPECT_EQ(ClaimedId(), "");
  Ok(JobsOf(kA).Unhold("j"));
  EXPECT_EQ(Claim("w").job.priority, 3);
}

TEST_P(JobQueueTest, AJobWhoseCancellationWasRequestedIsNotTriedAgain) {
  Submit(kA, "j");
  Claim("w");
  Ok(JobsOf(kA).Cancel("j"));
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(5)), (ReclaimedJobs{.cancelled = 1}));
  EXPECT_EQ(Get(kA, "j").status, Status::kCancelled);
}

TEST_P(JobQueueTest, Cat060ReclaimingIsBoundedAndStartsWithTheLongestExpired) {
  for (const auto* id : {"1", "2", "3"}) {
    Submit(kA, id);
    Claim("w");
    MoveClock(minutes(1));
  }
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(5, 2)).queued, 2);
  EXPECT_EQ(Get(kA, "1").status, Status::kQueued);
  EXPECT_EQ(Get(kA, "2").status, Status::kQueued);
  EXPECT_EQ(Get(kA, "3").status, Status::kRunning);
  EXPECT_EQ(Ok(Queue().ReclaimExpired(5, 2)).queued, 1);
}

TEST_P(JobQueueTest, ConcurrentReclaimersTakeEachJobOnce) {
  constexpr int kJobs = 20;
  for (int i = 0; i < kJobs; ++i) {
    Submit(kA, fmt::format("{}", i));
    Claim("w");
  }
  ExpireLeases();
  std::array<int64_t, 4> reclaimed{};
  {
    std::vector<std::jthread> threads;
    for (auto& count : reclaimed) {
      threads.emplace_back([&] {
        while (const int64_t batch = Ok(Queue().ReclaimExpired(5, 3)).total()) count += batch;
      });
    }
  }
  EXPECT_EQ(reclaimed[0] + reclaimed[1] + reclaimed[2] + reclaimed[3], kJobs);
  EXPECT_EQ(Ok(JobsOf(kA).CountByStatus()), (TrainingJobCounts{.queued = kJobs}));
}

// A finalizer and a reclaimer at the same moment: one of them wins, never both.
TEST_P(JobQueueTest, FinalizingRacesReclaiming) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = fmt::format("{}", round);
    Submit(kA, id);
    const auto claimed = Claim("w");
    std::optional<bool> finalized;
    {
      std::jthread worker(
          [&] { finalized = Queue().Finalize(claimed.claim, {.artifact_path = "s3://x"}).has_value(); });
      std::jthread reclaimer([&] {
        ExpireLeases();
        Ok(Queue().ReclaimExpired(1));
      });
    }
    const auto job = Get(kA, id);
    EXPECT_EQ(job.status, *finalized ? Status::kCompleted : Status::kFailed);
    EXPECT_EQ(ModelsOf(kA).Get("jammi:fine-tuned:" + id).has_value(), *finalized);
  }
}

// A repeated request must not tell the user that a job was stopped which was completed.
TEST_P(JobQueueTest, CancellingAgainWhatWasCompletedInBetweenIsRefused) {
  Submit(kA, "j");
  const auto claimed = Claim("worker");
  Ok(JobsOf(kA).Cancel("j"));
  EXPECT_TRUE(Ok(JobsOf(kA).Cancel("j")).cancel_requested);
  Ok(Queue().Finalize(claimed.claim, {.artifact_path = "s3://out"}));
  EXPECT_TRUE(IsJobError(JobsOf(kA).Cancel("j"), ErrorCode::kFailedPrecondition, "j", "completed"));
}

TEST_P(JobQueueTest, CancellingRacesClaiming) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = fmt::format("{}", round);
    Submit(kA, id);
    std::string claimed;
    TrainingJobRecord cancelled;
    {
      std::jthread worker([&] { claimed = ClaimedId("w"); });
      std::jthread user([&] { cancelled = Ok(JobsOf(kA).Cancel(id)); });
    }
    const auto job = Get(kA, id);
    EXPECT_EQ(job, cancelled.status == Status::kRunning && !claimed.empty() ? job : cancelled);
    EXPECT_EQ(job.status, claimed.empty() ? Status::kCancelled : Status::kRunning);
    EXPECT_EQ(job.cancel_requested, !claimed.empty());
  }
}

TEST_P(JobQueueTest, Cat057MetricsAreAddedMemberByMember) {
  Submit(kA, "j");
  const auto claim = Claim("w").claim;
  Ok(Queue().UpdateMetrics(claim, R"({"started_at":"2026-01-01","loss":2})"));
  Ok(Queue().UpdateMetrics(claim, R"({"loss":1})"));
  auto job = Get(kA, "j");
  EXPECT_EQ(job.metrics, R"({"loss":1,"started_at":"2026-01-01"})");
  EXPECT_EQ(job.started_at, "2026-01-01");
  EXPECT_EQ(job.status, Status::kRunning);
  Ok(Queue().Fail(claim, R"({"error_message":7})"));  // no text: kept, but no message
  EXPECT_EQ(Get(kA, "j").error_message, std::nullopt);
  EXPECT_EQ(Get(kA, "j").started_at, "2026-01-01");
}

TEST_P(JobQueueTest, MetricsDoNotGrowBeyondTheirLimit) {
  Submit(kA, "j");
  const auto claim = Claim("w").claim;
  const std::string most = fmt::format(R"({{"a":"{}"}})", std::string(700'000, 'x'));
  const std::string more = fmt::format(R"({{"b":"{}"}})", std::string(700'000, 'x'));
  Ok(Queue().UpdateMetrics(claim, most));
  EXPECT_EQ(CodeOf(Queue().UpdateMetrics(claim, more)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Get(kA, "j").metrics, most);
}

// WK-24.
TEST_P(JobQueueTest, AProbeSaysWhatThereIsToDo) {
  const auto none = Ok(Queue().Waiting());
  EXPECT_FALSE(none.claimable);
  EXPECT_EQ(none.next_expiry, std::nullopt);
  Submit(kA, "j");
  EXPECT_TRUE(Ok(Queue().Waiting()).claimable);
  Ok(JobsOf(kA).Hold("j"));
  EXPECT_FALSE(Ok(Queue().Waiting()).claimable);
  Ok(JobsOf(kA).Unhold("j"));
  Claim("w");
  const auto running = Ok(Queue().Waiting());
  EXPECT_FALSE(running.claimable);
  EXPECT_GT(running.next_expiry, minutes(59));
  EXPECT_LE(running.next_expiry, kLease);
  ExpireLeases();
  EXPECT_LE(Ok(Queue().Waiting()).next_expiry, milliseconds(0));
}

TEST_P(JobQueueTest, BadArgumentsAreRefused) {
  Submit(kA, "j");
  for (const std::chrono::microseconds lease :
       {std::chrono::microseconds(0), std::chrono::microseconds(-1), std::chrono::microseconds::max()}) {
    EXPECT_EQ(CodeOf(Queue().Claim("w", lease)), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(CodeOf(Queue().Claim("", kLease)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().ReclaimExpired(0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().ReclaimExpired(1, 0)), ErrorCode::kInvalidArgument);
  const auto claim = Claim("w").claim;
  EXPECT_EQ(CodeOf(Queue().Heartbeat(claim, std::chrono::hours(25))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().UpdateMetrics(claim, "[1]")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().UpdateMetrics(claim, "{")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().Fail(claim, "null")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().Finalize(claim, {.artifact_path = ""})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().Finalize(claim, {.artifact_path = "x", .config_json = "{"})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().Fail({})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().Fail({.sequence = 1, .lease = {"w", 0}})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Queue().WithDeadline(Deadline::Now()).Claim("w", kLease)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(Get(kA, "j").status, Status::kRunning);
}

// 9.6 (g), WK-17.
TEST_P(JobQueueTest, Wk17AnUploadLongerThanTheLeaseStillFinalizes) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  auto now = claimed.granted_at;
  LeaseKeeper keeper({.now = [&] { return now; }, .threads = false});
  auto kept = keeper.Keep(now, kLease, [&] { return Queue().Heartbeat(claimed.claim, kLease); });
  for (int i = 0; i < 10; ++i) {
    now += minutes(20);
    MoveClock(minutes(20));
    keeper.Renew();
    EXPECT_FALSE(kept.MustStop());
    EXPECT_EQ(Ok(Queue().ReclaimExpired(1)).total(), 0);
  }
  Ok(Queue().Finalize(claimed.claim, {.artifact_path = "s3://x"}));
  kept.End();
  EXPECT_FALSE(kept.MustStop());
}

TEST_P(JobQueueTest, Wk17TheHolderIsToldBeforeAnotherGetsTheJob) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  auto now = claimed.granted_at;
  LeaseKeeper keeper({.now = [&] { return now; }, .threads = false});
  const auto kept = keeper.Keep(now, kLease, [&] { return Queue().Heartbeat(claimed.claim, kLease); });
  now += minutes(59);
  MoveClock(minutes(59));
  EXPECT_FALSE(kept.MustStop());
  now += minutes(1);  // the worker's machine is the first that finds the lease over
  EXPECT_TRUE(kept.MustStop());
  EXPECT_EQ(kept.why(), LeaseEnd::kExpired);
  ExpireLeases();
  EXPECT_EQ(Ok(Queue().ReclaimExpired(5)).queued, 1);
}

TEST_P(JobQueueTest, Wk16ALostLeaseStopsItsKeeper) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  auto now = claimed.granted_at;
  LeaseKeeper keeper({.now = [&] { return now; }, .threads = false});
  const auto kept = keeper.Keep(now, kLease, [&] { return Queue().Heartbeat(claimed.claim, kLease); });
  ExpireLeases();
  Ok(Queue().ReclaimExpired(5));
  Claim("w");
  now += minutes(20);
  keeper.Renew();
  EXPECT_EQ(kept.why(), LeaseEnd::kLost);
}

TEST_P(JobQueueTest, AClaimOutlivesARestart) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  Reopen();
  Ok(Queue().Heartbeat(claimed.claim, kLease));
  Ok(Queue().Finalize(claimed.claim, {.artifact_path = "s3://x"}));
}

}  // namespace
}  // namespace jammi::test
