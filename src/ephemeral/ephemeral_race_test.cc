// What runs at the same time as the end of an ephemeral session; on PostgreSQL on two engines.
#include <algorithm>

#include "ephemeral/race_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kRounds = 10;
#else
constexpr int kRounds = 25;
#endif

JAMMI_ON_EVERY_DATABASE(EphemeralRaceTest);

TEST_P(EphemeralRaceTest, Trg140ClosingBesideASweep) {
  for (int i = 0; i < kRounds; ++i) {
    auto session = OpenWith("t", 2);
    MoveClock(kTimeout);
    Result<void> closed;
    SweepReport swept;
    AtOnce([&] { closed = session.Close(); }, [&] { swept = Ok(other_->sessions->Sweep()); });
    EXPECT_TRUE(closed) << closed.error().ToString();
    EXPECT_EQ(swept.failed, 0);
    const auto told = NewlyTold();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1], swept.ended == 1 ? "timed_out 1 2" : "closed 1 2");
  }
  ExpectNothingLeft();
}

TEST_P(EphemeralRaceTest, Trg138SeveralSweepAndEachSessionEndsOnce) {
  for (int i = 0; i < kRounds; ++i) Leak(OpenWith("t", 1));
  MoveClock(kTimeout);
  SweepReport one;
  SweepReport two;
  AtOnce([&] { one = Sweep(); }, [&] { two = Ok(other_->sessions->Sweep()); });
  EXPECT_EQ(one.ended + two.ended, kRounds);
  EXPECT_EQ(one.failed + two.failed, 0);
  const auto told = Told();
  EXPECT_EQ(std::ranges::count(told, "timed_out 1 1"), kRounds);
  EXPECT_EQ(told.size(), 2U * kRounds);
  ExpectNothingLeft();
}

TEST_P(EphemeralRaceTest, W25CreatingTablesBesideTheEnd) {
  int created = 0;
  for (int i = 0; i < kRounds; ++i) {
    auto session = OpenSession();
    auto attached = Ok(other_->sessions->Attach(kA, session.id()));
    int tables = 0;
    AtOnce(
        [&] {
          while (true) {
            const auto made = attached.CreateTable(fmt::format("t{}", tables), ImageSchema(), {"image_id"});
            if (!made) {
              EXPECT_EQ(FaultOf(made), EphemeralFault::kEnded) << made.error().ToString();
              return;
            }
            ++tables;
          }
        },
        [&] { Ok(session.Close()); });
    EXPECT_EQ(NewlyTold().back(), fmt::format("closed {} 0", tables));
    created += tables;
  }
  ExpectNothingLeft();
  EXPECT_GT(created, 0);
}

// Between the look whether the session is open and the look for its table.
TEST_P(EphemeralRaceTest, WhoseSessionEndsMeanwhileIsToldThatAndNotThatTheTableIsUnknown) {
  auto session = OpenWith("t", 1);
  auto attached = Ok(other_->sessions->Attach(kA, session.id()));
  SetSyncPoint("EphemeralSession::OnTable was open", [&] {
    ClearSyncPoints();
    Ok(session.Close());
  });
  EXPECT_EQ(FaultOf(attached.Count("t")), EphemeralFault::kEnded);
}

// What was acknowledged is counted: an insert is before the end, or it fails.
TEST_P(EphemeralRaceTest, Trg135InsertingBesideTheEnd) {
  for (int i = 0; i < kRounds; ++i) {
    auto session = OpenWith("t", 0);
    auto attached = Ok(other_->sessions->Attach(kA, session.id()));
    int64_t rows = 0;
    AtOnce(
        [&] {
          while (true) {
            const auto inserted = attached.Insert("t", Images(rows, 3));
            if (!inserted) {
              EXPECT_EQ(FaultOf(inserted), EphemeralFault::kEnded) << inserted.error().ToString();
              return;
            }
            rows += *inserted;
          }
        },
        [&] { Ok(session.Close()); });
    EXPECT_EQ(NewlyTold().back(), fmt::format("closed 1 {}", rows));
  }
  ExpectNothingLeft();
}

TEST_P(EphemeralRaceTest, W25FirstSessionsOfATenantAtOnce) {
  for (int i = 0; i < 5; ++i) {
    const Scope tenant = Scope::ForTenant(*TenantId::From(Uuid::RandomV4()));
    AtOnce([&] { Ok(Ok(node_.sessions->Open(tenant, {.timeout = kTimeout})).Close()); },
           [&] { Ok(Ok(other_->sessions->Open(tenant, {.timeout = kTimeout})).Close()); });
    auto told = Told(tenant);
    std::ranges::sort(told);
    EXPECT_THAT(told, ElementsAre("closed 0 0", "closed 0 0", "opened 0 0", "opened 0 0"));
  }
}

TEST_P(EphemeralRaceTest, HandlesGoWhileOthersAreOpened) {
  AtOnce(
      [&] {
        for (int i = 0; i < kRounds; ++i) {
          const auto session = OpenWith("t", 1);
        }
      },
      [&] {
        for (int i = 0; i < kRounds; ++i) Sweep();
      });
  Sweep();
  ExpectNothingLeft();
}

}  // namespace
}  // namespace jammi::test
