// Ephemeral sessions of two engines on one database.
#include <atomic>

#include "ephemeral/race_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;

class EphemeralReplicasTest : public EphemeralRaceTest {};
INSTANTIATE_TEST_SUITE_P(On, EphemeralReplicasTest, testing::Values(&MakePostgresHarness), HarnessName);

TEST_P(EphemeralReplicasTest, ALiveEngineKeepsItsSessionsAndADeadOneLosesThem) {
  auto kept = OpenWith("t", 1);
  auto lost = Ok(second_.sessions->Open(kA, {.timeout = kTimeout}));
  MoveClock(kLease / 2);
  Ok(node_.sessions->RenewLeases());
  MoveClock(kLease / 2);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_EQ(Ok(kept.Count("t")), 1);
  EXPECT_EQ(FaultOf(lost.CreateTable("t", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  Ok(second_.sessions->RenewLeases());
  Ok(lost.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "opened 0 0", R"(timed_out 0 0 {"reason":"engine_lost"})"));
}

TEST_P(EphemeralReplicasTest, AStartingEngineLeavesTheOthersAlone) {
  auto session = OpenWith("t", 1);
  second_.Close();
  Open(second_);
  EXPECT_EQ(Ok(second_.sessions->Sweep()), SweepReport());
  EXPECT_EQ(Ok(session.Count("t")), 1);
}

// Any engine closes for the tenant; what is given up at one is not the other's.
TEST_P(EphemeralReplicasTest, Trg141AnyEngineClosesASession) {
  auto session = OpenWith("t", 2);
  Ok(Ok(second_.sessions->Attach(kA, session.id())).Close());
  EXPECT_EQ(FaultOf(session.Count("t")), EphemeralFault::kEnded);
  Ok(session.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 2"));
  ExpectNothingLeft();
}

// One stands still in the middle of an end for so long that the other takes it over.
TEST_P(EphemeralReplicasTest, TheOneBeforeATakeoverIsFenced) {
  auto session = OpenSession();
  const auto tables = 2 * static_cast<int>(SessionEnder::kTablesAStep) + 1;
  for (int i = 0; i < tables; ++i) AddTable(session, fmt::format("t{}", i), 1);
  std::atomic<bool> stood_still = false;
  SweepReport swept;
  SetSyncPoint("ephemeral.step", [&] {
    if (stood_still.exchange(true)) return;
    MoveClock(kLease);
    swept = Ok(second_.sessions->Sweep());
  });
  Ok(session.Close());
  EXPECT_EQ(swept, (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", fmt::format("closed {0} {0}", tables)));
  ExpectNothingLeft();
}

}  // namespace
}  // namespace jammi::test
