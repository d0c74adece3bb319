// Abandoned builds are taken over and ended by what their files say; live ones are left alone.
#include "catalog/build_recovery.h"

#include <arrow/buffer.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <set>
#include <thread>

#include "base/sync_point.h"
#include "catalog/changes.h"
#include "catalog/result_table_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kMany = 1'000'000;

// What a callback answers.
Result<std::optional<ResultTableManifest>> Complete(int64_t rows) {
  return std::optional(ResultTableManifest{.row_count = rows, .definition_hash = "recovered"});
}
Result<std::optional<ResultTableManifest>> Damaged() { return std::optional<ResultTableManifest>(); }

class BuildRecoveryTest : public ResultTablesTest {
 protected:
  ~BuildRecoveryTest() override { ClearSyncPoints(); }

  BuildRecovery Recovery(std::string holder = "process") const {
    return {Access(kGlobal).backend, std::move(holder), kLease};
  }
  RecoveryReport Run(const InspectBuild& inspect) { return Ok(Recovery().Run(inspect, kMany)); }

  static Result<std::optional<ResultTableManifest>> MustNotBeAsked(const AbandonedBuild& build) {
    ADD_FAILURE() << "asked about " << build.table.table_name;
    return Damaged();
  }
  // How many events of the changes that all see hold `word`.
  int CountChanges(std::string_view word) {
    int count = 0;
    for (const LogEvent& event : Ok(catalog_->log().Read(kChangesTopicNo, 0, kGlobal, {})).events) {
      if (event.payload != nullptr && event.payload->ToString().find(word) != std::string::npos) ++count;
    }
    return count;
  }
};
JAMMI_ON_EVERY_DATABASE(BuildRecoveryTest);

// 9.6 (e).
TEST_P(BuildRecoveryTest, Wk15ALiveBuildSurvivesTheStartOfAProcess) {
  const auto build = Start(kA, "t");
  MoveClock(kLease - seconds(10));
  Reopen();
  EXPECT_EQ(Run(MustNotBeAsked), RecoveryReport{});
  Ok(Tables(kA).Heartbeat("t", build.lease, kLease));
  MoveClock(seconds(20));  // beyond the first lease
  EXPECT_EQ(Run(MustNotBeAsked), RecoveryReport{});
  EXPECT_EQ(Ok(Tables(kA).Promote("t", build.lease, Manifest())).row_count, 42);
  MoveClock(kLease);
  EXPECT_EQ(Run(MustNotBeAsked), RecoveryReport{});
}

TEST_P(BuildRecoveryTest, Case46BuildsOfAllTenantsAreRecoveredUnderTheirOwners) {
  Start(kA, "a");
  Start(kB, "b");
  Start(kGlobal, "g");
  MoveClock(kLease);
  EXPECT_THAT(List(kGlobal, {.status = ResultTableStatus::kReady}), IsEmpty());
  const auto report = Run([](const AbandonedBuild& build) {
    return build.table.table_name == "g" ? Damaged() : Complete(build.table.owner == kA ? 1 : 2);
  });
  EXPECT_EQ(report, (RecoveryReport{.promoted = 2, .failed = 1}));
  EXPECT_THAT(List(kA), ElementsAre("a", "g"));
  EXPECT_THAT(List(kB), ElementsAre("b", "g"));
  const auto a = Ok(Tables(kA).Get("a"));
  EXPECT_EQ(a.status, ResultTableStatus::kReady);
  EXPECT_EQ(a.row_count, 1);
  EXPECT_EQ(a.owner, kA);
  EXPECT_EQ(Ok(Tables(kB).Get("b")).row_count, 2);
  const auto failed = Ok(Tables(kGlobal).Get("g"));
  EXPECT_EQ(failed.status, ResultTableStatus::kFailed);
  EXPECT_EQ(failed.row_count, 0);
  // Case 47: there is nothing left to do.
  EXPECT_EQ(Run(MustNotBeAsked), RecoveryReport{});
  EXPECT_EQ(Ok(Tables(kA).Get("a")), a);
}

TEST_P(BuildRecoveryTest, ARecoveredBuildIsAChangeOfItsOwn) {
  Start(kGlobal, "t");
  Start(kGlobal, "u");
  MoveClock(kLease);
  Run([](const AbandonedBuild& build) { return build.table.table_name == "t" ? Complete(1) : Damaged(); });
  EXPECT_EQ(CountChanges("recovered"), 2);
}

TEST_P(BuildRecoveryTest, EveryWriteButHeartbeatsAndCheckpointsIsAChange) {
  Params("t");  // the model
  const int registered = CountChanges("registered");
  const auto build = Start(kGlobal, "t");
  EXPECT_EQ(CountChanges("registered"), registered + 1);
  Ok(Tables(kGlobal).Heartbeat("t", build.lease, kLease));
  Ok(Tables(kGlobal).SetCheckpoint("t", build.lease, 1));
  EXPECT_EQ(CountChanges("updated"), 0);
  Ok(Tables(kGlobal).Promote("t", build.lease, Manifest()));
  Ok(Segments(kGlobal).Append("t", {.bundle_path = "p"}));
  Ok(Segments(kGlobal).DeleteAll("t"));
  EXPECT_EQ(CountChanges("updated"), 3);
  Ok(Tables(kGlobal).Delete("t"));
  EXPECT_EQ(CountChanges("deleted"), 1);
}

TEST_P(BuildRecoveryTest, ThatExpiredFirstIsFirstAndTheNumberIsBounded) {
  for (const std::string name : {"c", "a", "b"}) {
    Start(kA, name);
    MoveClock(seconds(1));
  }
  MoveClock(kLease);
  std::vector<std::string> asked;
  const auto inspect = [&](const AbandonedBuild& build) {
    asked.push_back(build.table.table_name);
    return Complete(1);
  };
  EXPECT_EQ(Ok(Recovery().Run(inspect, 2)).promoted, 2);
  EXPECT_THAT(asked, ElementsAre("c", "a"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Ok(Recovery().Run(inspect, kMany, stop.get_token())), RecoveryReport{});
  EXPECT_EQ(Run(inspect).promoted, 1);
}

TEST_P(BuildRecoveryTest, WhatCannotBeFoundOutIsTriedAgainLater) {
  Start(kA, "t");
  Start(kA, "u");
  MoveClock(kLease);
  const auto unreachable = [](const AbandonedBuild& build) -> Result<std::optional<ResultTableManifest>> {
    if (build.table.table_name == "u") return Complete(1);
    return Error(ErrorCode::kUnavailable, "no storage");
  };
  EXPECT_EQ(Run(unreachable), (RecoveryReport{.promoted = 1, .undecided = 1}));
  EXPECT_EQ(Ok(Tables(kA).Get("t")).status, ResultTableStatus::kBuilding);
  EXPECT_EQ(Run(MustNotBeAsked), RecoveryReport{});
  MoveClock(kLease);
  const auto bad_manifest = [](const AbandonedBuild&) { return Complete(-1); };
  EXPECT_EQ(Run(bad_manifest), (RecoveryReport{.undecided = 1}));
  MoveClock(kLease);
  EXPECT_EQ(Run([](const AbandonedBuild& build) {
              EXPECT_EQ(build.lease.epoch, build.table.created_at + 3);
              return Complete(1);
            }),
            (RecoveryReport{.promoted = 1}));
}

TEST_P(BuildRecoveryTest, TheInspectionWorksUnderTheLease) {
  const auto build = Start(kA, "t");
  Ok(Segments(kA).Append("t", {.bundle_path = "stale"}, build.lease));
  MoveClock(kLease);
  Run([&](const AbandonedBuild& abandoned) {
    EXPECT_EQ(Ok(Segments(kA).DeleteAll("t", abandoned.lease)).size(), 1U);
    Ok(Segments(kA).Append("t", {.bundle_path = "rebuilt"}, abandoned.lease));
    Ok(Tables(kA).Heartbeat("t", abandoned.lease, kLease));
    return Complete(3);
  });
  EXPECT_EQ(Ok(Segments(kA).List("t")).items[0].bundle_path, "rebuilt");
}

TEST_P(BuildRecoveryTest, ABuildThatIsLostDuringTheInspectionIsAnothers) {
  Start(kA, "t");
  Start(kA, "deleted");
  MoveClock(kLease);
  const auto report = Run([&](const AbandonedBuild& build) {
    if (build.table.table_name == "deleted") {
      Ok(Tables(kA).Delete("deleted"));
    } else {
      MoveClock(kLease);
      EXPECT_EQ(Ok(Recovery("other").Run([](const AbandonedBuild&) { return Complete(7); }, 1)).promoted, 1);
    }
    return Damaged();
  });
  EXPECT_EQ(report.failed, 0);
  EXPECT_GE(report.lost, 1);
  EXPECT_EQ(Ok(Tables(kA).Get("t")).row_count, 7);
}

// --- Races.

TEST_P(BuildRecoveryTest, Wk15ABuilderThatComesBackLateIsRefused) {
  const auto build = Start(kA, "t");
  MoveClock(kLease);
  SetSyncPoint("build_recovery.inspected", [&] {
    EXPECT_EQ(LostTo(Tables(kA).Promote("t", build.lease, Manifest())), build.lease.epoch + 1);
    EXPECT_EQ(LostTo(Tables(kA).Heartbeat("t", build.lease, kLease)), build.lease.epoch + 1);
    EXPECT_EQ(LostTo(Tables(kA).Fail("t", build.lease)), build.lease.epoch + 1);
    EXPECT_EQ(LostTo(Segments(kA).Append("t", {.bundle_path = "p"}, build.lease)), build.lease.epoch + 1);
  });
  EXPECT_EQ(Run([](const AbandonedBuild&) { return Complete(5); }), (RecoveryReport{.promoted = 1}));
  EXPECT_EQ(Ok(Tables(kA).Get("t")).row_count, 5);
  EXPECT_EQ(LostTo(Tables(kA).Promote("t", build.lease, Manifest())), build.lease.epoch + 1);
}

TEST_P(BuildRecoveryTest, Wk15PromotionAndRecoveryAtOnceHaveOneWinner) {
  for (int round = 0; round < 20; ++round) {
    const auto name = fmt::format("t{}", round);
    const auto build = Start(kA, name);
    std::latch start(2);
    Result<RecoveryReport> report;
    std::jthread recovery([&] {
      start.arrive_and_wait();
      MoveClock(kLease);
      report = Recovery().Run([](const AbandonedBuild&) { return Complete(1); }, kMany);
    });
    start.arrive_and_wait();
    const auto promoted = Tables(kA).Promote(name, build.lease, Manifest({}, "builder"));
    recovery.join();
    EXPECT_EQ(Ok(report).promoted, promoted ? 0 : 1);
    EXPECT_EQ(LostTo(promoted).has_value(), !promoted);
    EXPECT_EQ(Ok(Tables(kA).Get(name)).definition_hash, promoted ? "builder" : "recovered");
  }
}

TEST_P(BuildRecoveryTest, Wk15OfSeveralProcessesOneTakesABuildOver) {
  constexpr int kBuilds = 24;
  for (int i = 0; i < kBuilds; ++i) Start(i % 2 == 0 ? kA : kB, fmt::format("t{}", i));
  MoveClock(kLease);
  std::mutex mutex;
  std::multiset<std::string> asked;
  std::atomic<int64_t> promoted = 0;
  std::latch start(4);
  {
    std::vector<std::jthread> processes;
    for (int i = 0; i < 4; ++i) {
      processes.emplace_back([&, i] {
        start.arrive_and_wait();
        const auto inspect = [&](const AbandonedBuild& build) {
          const std::lock_guard lock(mutex);
          asked.insert(build.table.table_name);
          return Complete(1);
        };
        const auto report = Recovery(fmt::format("process{}", i)).Run(inspect, kMany);
        EXPECT_TRUE(report) << report.error().ToString();
        promoted += report ? report->promoted : 0;
      });
    }
  }
  EXPECT_EQ(promoted, kBuilds);
  EXPECT_EQ(asked.size(), static_cast<size_t>(kBuilds));
  EXPECT_EQ(std::set(asked.begin(), asked.end()).size(), static_cast<size_t>(kBuilds));
}

// --- Ready tables whose files are lost.

TEST_P(BuildRecoveryTest, Cat082ALostTableFailsWithItsEdges) {
  const auto table = Ready(kA, "t", Manifest({"docs"}));
  EXPECT_TRUE(Ok(Recovery().FailLost(table)));
  const auto failed = Ok(Tables(kA).Get("t"));
  EXPECT_EQ(failed.status, ResultTableStatus::kFailed);
  EXPECT_EQ(failed.row_count, 0);
  EXPECT_EQ(failed.definition_hash, std::nullopt);
  EXPECT_THAT(Ok(Tables(kA).FindReadyAnchoredOn("docs")).items, IsEmpty());
  EXPECT_THAT(Ok(Tables(kA).FindReadyByDefinition("hash")).items, IsEmpty());
  EXPECT_FALSE(Ok(Recovery().FailLost(table)));
}

TEST_P(BuildRecoveryTest, Cat082ATableThatWasMadeAgainIsNotTheLostOne) {
  const auto table = Ready(kA, "t");
  Ok(Tables(kA).Delete("t"));
  EXPECT_FALSE(Ok(Recovery().FailLost(table)));
  MoveClock(seconds(1));
  Ready(kA, "t");
  EXPECT_FALSE(Ok(Recovery().FailLost(table)));
  EXPECT_EQ(Ok(Tables(kA).Get("t")).status, ResultTableStatus::kReady);
  EXPECT_EQ(CodeOf(Recovery().FailLost(Start(kA, "building").table)), ErrorCode::kInvalidArgument);
}

TEST_P(BuildRecoveryTest, BadArgumentsAreRefused) {
  EXPECT_EQ(CodeOf(BuildRecovery(Access(kGlobal).backend, "", kLease).Run(MustNotBeAsked, 1)),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(BuildRecovery(Access(kGlobal).backend, "p", microseconds(0)).Run(MustNotBeAsked, 1)),
            ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace jammi::test
