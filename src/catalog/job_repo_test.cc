// Training jobs as their users see them.
#include "catalog/job_repo.h"

#include <fmt/format.h>

#include "catalog/changes.h"
#include "catalog/job_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class TrainingJobsTest : public JobsTest {
 protected:
  std::vector<std::string> Ids(const Scope& scope, std::optional<Status> status = std::nullopt,
                               int page_size = 2) const {
    std::vector<std::string> ids;
    for (const auto& job : AllPages([&](const std::string& token) {
           return JobsOf(scope).List({.status = status}, page_size, token);
         })) {
      ids.push_back(job.job_id);
    }
    return ids;
  }
  // A job in that status, by its way there.
  void Make(const Scope& scope, const std::string& id, Status status) {
    Submit(scope, id, 1'000'000);
    if (status == Status::kQueued) return;
    const auto claimed = Claim("maker");
    ASSERT_EQ(claimed.job.job_id, id);
    if (status == Status::kCompleted) Ok(Queue().Finalize(claimed.claim, {.artifact_path = "file:///" + id}));
    if (status == Status::kFailed) Ok(Queue().Fail(claimed.claim));
    if (status == Status::kCancelled) {
      Ok(JobsOf(scope).Cancel(id));
      Ok(Queue().GiveBack(claimed.claim));
    }
    ASSERT_EQ(Get(scope, id).status, status);
  }
};

JAMMI_ON_EVERY_DATABASE(TrainingJobsTest);

// Case 14.
TEST_P(TrainingJobsTest, Cat050ANewJobIsQueuedWithDefaults) {
  const UnixMicros before = Now();
  const auto job = Submit(kA, "j");
  EXPECT_EQ(job.status, Status::kQueued);
  EXPECT_EQ(job.priority, 0);
  EXPECT_TRUE(job.claimable);
  EXPECT_FALSE(job.cancel_requested);
  EXPECT_EQ(job.attempts, 0);
  EXPECT_EQ(job.lease_epoch, 0);
  EXPECT_EQ(job.owner, kA);
  EXPECT_EQ(job.kind, TrainingJobKind::kFineTune);
  EXPECT_EQ(job.base_model_id, "base");
  EXPECT_EQ(job.base_model_version, 1);
  EXPECT_EQ(job.base_model_uid, Ok(ModelsOf(kA).Get("base")).uid);
  EXPECT_EQ(job.output_model_id, "jammi:fine-tuned:j");
  EXPECT_EQ(job.hyperparams, "{}");
  EXPECT_GE(job.created_at, before);
  EXPECT_EQ(job.updated_at, job.created_at);
  for (const auto& absent : {job.metrics, job.claimed_by, job.training_spec, job.error_message}) {
    EXPECT_EQ(absent, std::nullopt);
  }
  EXPECT_EQ(job.output_model_uid, std::nullopt);
  EXPECT_EQ(job.lease_expires_at, std::nullopt);
  EXPECT_EQ(Get(kA, "j"), job);
  Reopen();
  EXPECT_EQ(Get(kA, "j"), job);
}

TEST_P(TrainingJobsTest, EverythingThatIsGivenIsKept) {
  Ok(ModelsOf(kA).RegisterNext({.model_id = "base", .model_type = "embedding"}));
  const CreateTrainingJobParams params{.job_id = "j-✓",
                                       .kind = TrainingJobKind::kContextPredictor,
                                       .base_model_id = "base",
                                       .base_model_version = 1,
                                       .output_model_id = "predictor",
                                       .training_source = "a source",
                                       .loss_type = "mse",
                                       .hyperparams = R"({ "lr" : 1e-5 })",
                                       .training_spec = R"({"kind":"context_predictor"})",
                                       .priority = -7,
                                       .claimable = false};
  const auto job = Ok(JobsOf(kA).Create(params));
  EXPECT_EQ(job.job_id, params.job_id);
  EXPECT_EQ(job.kind, params.kind);
  EXPECT_EQ(job.base_model_version, 1);
  EXPECT_EQ(job.output_model_id, "predictor");
  EXPECT_EQ(job.training_source, params.training_source);
  EXPECT_EQ(job.loss_type, params.loss_type);
  EXPECT_EQ(job.hyperparams, params.hyperparams);
  EXPECT_EQ(job.training_spec, params.training_spec);
  EXPECT_EQ(job.priority, -7);
  EXPECT_FALSE(job.claimable);
  // Without an id it gets one of its own.
  EXPECT_NE(Ok(JobsOf(kA).Create(Params(""))).job_id, Ok(JobsOf(kA).Create(Params(""))).job_id);
}

TEST_P(TrainingJobsTest, TheBaseModelIsResolvedAtSubmissionOwnBeforeGlobal) {
  EXPECT_EQ(Submit(kA, "own").base_model_uid, Ok(ModelsOf(kA).Get("base")).uid);
  EXPECT_EQ(Submit(kOutsider, "global").base_model_uid, Ok(ModelsOf(kGlobal).Get("base")).uid);
  const auto second = Ok(ModelsOf(kA).RegisterNext({.model_id = "base", .model_type = "embedding"}));
  EXPECT_EQ(Submit(kA, "highest").base_model_uid, second.uid);
  EXPECT_EQ(Get(kA, "own").base_model_version, 1);

  RegisterModel(kB, "only b's");
  auto params = Params("j");
  params.base_model_id = "only b's";
  const auto refused = JobsOf(kA).Create(params);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kNotFound);
  EXPECT_NE(refused.error().As<ModelNotFoundDetail>(), nullptr);
  EXPECT_THAT(Ids(kA), ElementsAre("highest", "own"));
}

TEST_P(TrainingJobsTest, AReservedOutputMustBeThereAndTheScopesOwn) {
  auto params = Params("j");
  params.output_model_id = "base";
  params.output_model_version = 2;
  EXPECT_EQ(CodeOf(JobsOf(kA).Create(params)), ErrorCode::kNotFound);
  params.output_model_version = 1;
  EXPECT_EQ(CodeOf(JobsOf(kOutsider).Create(params)), ErrorCode::kNotFound);
  EXPECT_EQ(Ok(JobsOf(kA).Create(params)).output_model_uid, Ok(ModelsOf(kA).Get("base")).uid);
}

TEST_P(TrainingJobsTest, AnIdIsTakenOncePerScope) {
  const auto first = Submit(kA, "j");
  EXPECT_TRUE(IsJobError(JobsOf(kA).Create(Params("j", 5)), ErrorCode::kAlreadyExists, "j"));
  EXPECT_EQ(Get(kA, "j"), first);
  EXPECT_EQ(Submit(kB, "j").owner, kB);
  EXPECT_EQ(Submit(kGlobal, "j").owner, kGlobal);
}

TEST_P(TrainingJobsTest, BadArgumentsAreNamed) {
  const auto refuses = [&](std::string_view field, auto change) {
    auto params = Params("j");
    change(params);
    const auto result = JobsOf(kA).Create(params);
    ASSERT_EQ(CodeOf(result), ErrorCode::kInvalidArgument) << field;
    EXPECT_THAT(result.error().message(), testing::HasSubstr(field));
  };
  refuses("job_id", [](auto& p) { p.job_id = std::string(129, 'x'); });
  refuses("job_id", [](auto& p) { p.job_id = "\xff"; });
  refuses("kind", [](auto& p) { p.kind = static_cast<TrainingJobKind>(9); });
  refuses("base_model_id", [](auto& p) { p.base_model_id = ""; });
  refuses("version", [](auto& p) { p.base_model_version = 0; });
  refuses("output_model_id", [](auto& p) { p.output_model_id = std::string(513, 'x'); });
  refuses("output_model_id", [](auto& p) { p.kind = TrainingJobKind::kContextPredictor; });
  refuses("output_model_version", [](auto& p) { p.output_model_version = 1; });
  refuses("training_source", [](auto& p) { p.training_source = ""; });
  refuses("training_source", [](auto& p) { p.training_source = std::string("a\0b", 3); });
  refuses("loss_type", [](auto& p) { p.loss_type = ""; });
  refuses("hyperparams", [](auto& p) { p.hyperparams = "{"; });
  refuses("hyperparams", [](auto& p) { p.hyperparams = std::string(200, '[') + std::string(200, ']'); });
  refuses("training_spec", [](auto& p) { p.training_spec = "not json"; });
  EXPECT_EQ(CodeOf(JobsOf(kA).Get("")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(JobsOf(kA).Cancel(std::string(129, 'x'))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(JobsOf(kA).List({}, 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(JobsOf(kA).List({}, 1001)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(JobsOf(kA).List({.status = static_cast<Status>(9)})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(JobsOf(kA).DeleteFinishedBefore(0, 0)), ErrorCode::kInvalidArgument);
  EXPECT_THAT(Ids(kA), IsEmpty());
}

// CAT-051, WK-32.
TEST_P(TrainingJobsTest, AnAbsentJobIsNotFound) {
  Submit(kB, "b");
  for (const auto* id : {"b", "none"}) {
    EXPECT_TRUE(IsJobError(JobsOf(kA).Get(id), ErrorCode::kNotFound, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).Cancel(id), ErrorCode::kNotFound, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).SetPriority(id, 1), ErrorCode::kNotFound, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).Hold(id), ErrorCode::kNotFound, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).Unhold(id), ErrorCode::kNotFound, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).Delete(id), ErrorCode::kNotFound, id));
  }
}

TEST_P(TrainingJobsTest, ATenantSeesGlobalJobsAndChangesOnlyItsOwn) {
  const auto global = Submit(kGlobal, "g");
  EXPECT_EQ(Get(kA, "g"), global);
  EXPECT_TRUE(IsJobError(JobsOf(kA).Cancel("g"), ErrorCode::kNotFound, "g"));
  EXPECT_TRUE(IsJobError(JobsOf(kA).SetPriority("g", 9), ErrorCode::kNotFound, "g"));
  EXPECT_TRUE(IsJobError(JobsOf(kA).Hold("g"), ErrorCode::kNotFound, "g"));
  EXPECT_TRUE(IsJobError(JobsOf(kA).Delete("g"), ErrorCode::kNotFound, "g"));
  EXPECT_EQ(Get(kGlobal, "g"), global);

  Submit(kA, "g", 3);  // its own job of that name hides the global one, and is not it
  EXPECT_EQ(Get(kA, "g").priority, 3);
  Ok(JobsOf(kA).Cancel("g"));
  Ok(JobsOf(kA).Delete("g"));
  EXPECT_EQ(Get(kA, "g"), global);
}

TEST_P(TrainingJobsTest, Cat051ListsAreTheNewestFirst) {
  for (const auto& [scope, id] : {std::pair(kA, "1"), std::pair(kGlobal, "2"), std::pair(kB, "3"),
                                  std::pair(kA, "4"), std::pair(kGlobal, "5"), std::pair(kA, "6")}) {
    Submit(scope, id);
  }
  Ok(JobsOf(kA).Cancel("4"));
  for (const int page_size : {1, 2, 3, 1000}) {
    EXPECT_THAT(Ids(kA, {}, page_size), ElementsAre("6", "5", "4", "2", "1"));
    EXPECT_THAT(Ids(kB, {}, page_size), ElementsAre("5", "3", "2"));
    EXPECT_THAT(Ids(kGlobal, {}, page_size), ElementsAre("5", "2"));
    EXPECT_THAT(Ids(kOutsider, {}, page_size), ElementsAre("5", "2"));
    EXPECT_THAT(Ids(kA, Status::kQueued, page_size), ElementsAre("6", "5", "2", "1"));
    EXPECT_THAT(Ids(kA, Status::kCancelled, page_size), ElementsAre("4"));
    EXPECT_THAT(Ids(kA, Status::kFailed, page_size), IsEmpty());
  }
  const std::string token = Ok(JobsOf(kA).List({}, 1)).next_page_token;
  EXPECT_EQ(CodeOf(JobsOf(kA).List({.status = Status::kQueued}, 1, token)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(JobsOf(kA).List({}, 1, token + "00")), ErrorCode::kInvalidArgument);
}

TEST_P(TrainingJobsTest, PagesGoOnWhereTheyEndedWhateverHappensBetweenThem) {
  for (int i = 0; i < 6; ++i) Submit(kA, fmt::format("{}", i));
  const auto first = Ok(JobsOf(kA).List({}, 2));
  Submit(kA, "new");
  Ok(JobsOf(kA).Cancel("3"));
  Ok(JobsOf(kA).Delete("3"));
  const auto second = Ok(JobsOf(kA).List({}, 2, first.next_page_token));
  ASSERT_EQ(second.items.size(), 2u);
  EXPECT_EQ(second.items[0].job_id, "2");
  EXPECT_EQ(second.items[1].job_id, "1");
}

TEST_P(TrainingJobsTest, CountsAreOfWhatIsVisible) {
  Make(kA, "completed", Status::kCompleted);
  Make(kA, "failed", Status::kFailed);
  Make(kA, "cancelled", Status::kCancelled);
  Make(kA, "running", Status::kRunning);
  Submit(kA, "queued");
  Submit(kA, "held");
  Ok(JobsOf(kA).Hold("held"));
  Submit(kGlobal, "global");
  Submit(kB, "b");
  EXPECT_EQ(Ok(JobsOf(kA).CountByStatus()),
            (TrainingJobCounts{.queued = 3, .running = 1, .completed = 1, .failed = 1, .cancelled = 1}));
  EXPECT_EQ(Ok(JobsOf(kB).CountByStatus()), (TrainingJobCounts{.queued = 2}));
  EXPECT_EQ(Ok(JobsOf(kGlobal).CountByStatus()), (TrainingJobCounts{.queued = 1}));
}

// WK-36.
TEST_P(TrainingJobsTest, AQueuedJobIsCancelledAtOnce) {
  Submit(kA, "j");
  const auto cancelled = Ok(JobsOf(kA).Cancel("j"));
  EXPECT_EQ(cancelled.status, Status::kCancelled);
  EXPECT_EQ(ClaimedId(), "");
  EXPECT_EQ(Ok(JobsOf(kA).Cancel("j")), cancelled);  // it is what was asked for
}

TEST_P(TrainingJobsTest, OfARunningJobCancellingIsRequested) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  const auto requested = Ok(JobsOf(kA).Cancel("j"));
  EXPECT_EQ(requested.status, Status::kRunning);
  EXPECT_TRUE(requested.cancel_requested);
  EXPECT_EQ(Ok(JobsOf(kA).Cancel("j")), requested);
  EXPECT_TRUE(Ok(Queue().Heartbeat(claimed.claim, kLease)).cancel_requested);
  Ok(Queue().GiveBack(claimed.claim));
  EXPECT_EQ(Get(kA, "j").status, Status::kCancelled);
  EXPECT_EQ(ClaimedId(), "");
}

TEST_P(TrainingJobsTest, AWorkerWhoCompletesFirstHasCompleted) {
  Submit(kA, "j");
  const auto claimed = Claim("w");
  Ok(JobsOf(kA).Cancel("j"));
  Ok(Queue().Finalize(claimed.claim, {.artifact_path = "file:///x"}));
  EXPECT_EQ(Get(kA, "j").status, Status::kCompleted);
}

TEST_P(TrainingJobsTest, WhatIsFinishedStaysAsItIs) {
  for (const Status status : {Status::kCompleted, Status::kFailed, Status::kCancelled}) {
    const std::string id(ToString(status));
    Make(kA, id, status);
    const auto before = Get(kA, id);
    if (status != Status::kCancelled) {
      EXPECT_TRUE(IsJobError(JobsOf(kA).Cancel(id), ErrorCode::kFailedPrecondition, id, id));
    }
    EXPECT_TRUE(IsJobError(JobsOf(kA).SetPriority(id, 1), ErrorCode::kFailedPrecondition, id, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).Hold(id), ErrorCode::kFailedPrecondition, id, id));
    EXPECT_TRUE(IsJobError(JobsOf(kA).Unhold(id), ErrorCode::kFailedPrecondition, id, id));
    EXPECT_EQ(Get(kA, id), before);
  }
}

// WK-12: a job must not keep its models for ever.
TEST_P(TrainingJobsTest, Wk12DeletingAFinishedJobFreesItsModels) {
  Make(kA, "j", Status::kCompleted);
  EXPECT_EQ(CodeOf(ModelsOf(kA).Delete("base")), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(ModelsOf(kA).Delete("jammi:fine-tuned:j")), ErrorCode::kFailedPrecondition);
  Ok(JobsOf(kA).Delete("j"));
  EXPECT_TRUE(IsJobError(JobsOf(kA).Get("j"), ErrorCode::kNotFound, "j"));
  Ok(ModelsOf(kA).Delete("jammi:fine-tuned:j"));
  Ok(ModelsOf(kA).Delete("base"));
}

TEST_P(TrainingJobsTest, AJobThatIsNotFinishedIsNotDeleted) {
  Make(kA, "running", Status::kRunning);
  Submit(kA, "queued");
  EXPECT_TRUE(IsJobError(JobsOf(kA).Delete("queued"), ErrorCode::kFailedPrecondition, "queued", "queued"));
  EXPECT_TRUE(IsJobError(JobsOf(kA).Delete("running"), ErrorCode::kFailedPrecondition, "running", "running"));
  EXPECT_THAT(Ids(kA), ElementsAre("queued", "running"));
}

TEST_P(TrainingJobsTest, OldFinishedJobsAreDeletedInBatches) {
  for (const auto* id : {"1", "2", "3"}) {
    Make(kA, id, Status::kFailed);
    MoveClock(std::chrono::seconds(1));
  }
  const UnixMicros limit = Now();
  MoveClock(std::chrono::seconds(1));
  Make(kA, "young", Status::kFailed);
  Submit(kA, "queued");
  Make(kB, "b", Status::kFailed);
  Make(kGlobal, "g", Status::kFailed);
  EXPECT_EQ(Ok(JobsOf(kA).DeleteFinishedBefore(limit, 2)), 2);
  EXPECT_THAT(Ids(kA), ElementsAre("g", "queued", "young", "3"));
  EXPECT_EQ(Ok(JobsOf(kA).DeleteFinishedBefore(limit, 2)), 1);
  EXPECT_EQ(Ok(JobsOf(kA).DeleteFinishedBefore(limit, 2)), 0);
  EXPECT_THAT(Ids(kA), ElementsAre("g", "queued", "young"));
  EXPECT_THAT(Ids(kB), ElementsAre("g", "b"));
}

TEST_P(TrainingJobsTest, ANumberIsNeverGivenTwice) {
  const int64_t first = Submit(kA, "1").sequence;
  Ok(JobsOf(kA).Cancel("1"));
  Ok(JobsOf(kA).Delete("1"));
  EXPECT_GT(Submit(kA, "1").sequence, first);
}

// Whoever waits for work waits for these.
TEST_P(TrainingJobsTest, EveryChangeIsAnEventButLeasesAndMetricsAreNot) {
  size_t before = 0;
  const auto events = [&] {
    const size_t all = Ok(catalog_->log().Read(kChangesTopicNo, 0, kA, {})).events.size();
    return all - std::exchange(before, all);
  };
  events();
  Submit(kA, "j");
  EXPECT_EQ(events(), 1U);
  Ok(JobsOf(kA).SetPriority("j", 1));
  Ok(JobsOf(kA).Hold("j"));
  Ok(JobsOf(kA).Unhold("j"));
  EXPECT_EQ(events(), 3U);
  Ok(JobsOf(kA).SetPriority("j", 1));
  Ok(JobsOf(kA).Unhold("j"));
  EXPECT_EQ(events(), 0U);  // nothing changed

  auto claim = Claim("w").claim;
  Ok(Queue().Heartbeat(claim, kLease));
  Ok(Queue().UpdateMetrics(claim, "{}"));
  EXPECT_EQ(events(), 0U);
  Ok(Queue().GiveBack(claim));
  EXPECT_EQ(events(), 1U);
  claim = Claim("w").claim;
  ExpireLeases();
  Ok(Queue().ReclaimExpired(5));
  EXPECT_EQ(events(), 1U);
  Ok(Queue().Finalize(Claim("w").claim, {.artifact_path = "s3://x"}));
  EXPECT_EQ(events(), 2U);  // the model and the job
  EXPECT_FALSE(Queue().Fail(claim));
  Ok(JobsOf(kA).Delete("j"));
  EXPECT_EQ(events(), 1U);
}

TEST_P(TrainingJobsTest, ADeadlineThatHasPassedIsSaid) {
  EXPECT_EQ(CodeOf(JobsOf(kA).WithDeadline(Deadline::Now()).Create(Params("j"))),
            ErrorCode::kDeadlineExceeded);
  EXPECT_THAT(Ids(kA), IsEmpty());
}

}  // namespace
}  // namespace jammi::test
