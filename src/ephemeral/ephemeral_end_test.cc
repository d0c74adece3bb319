// How ephemeral sessions end: rules TRG-136 to TRG-140, case 44, weakness W-25.
#include <algorithm>
#include <thread>

#include "catalog/query_plan.h"
#include "ephemeral/ephemeral_fixture.h"

namespace jammi::test {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class EphemeralEndTest : public EphemeralTest {};
JAMMI_ON_EVERY_DATABASE(EphemeralEndTest);

// --- Partial deletion.

TEST_P(EphemeralEndTest, Trg136W25WhatSurvivesIsTriedAgainUntilItIsGone) {
  auto session = OpenSession();
  for (const auto* name : {"a", "b", "c"}) AddTable(session, name, 2);
  Pin(session, "b");
  const auto closed = session.Close();
  ASSERT_EQ(FaultOf(closed), EphemeralFault::kPartialDeletionFailure);
  EXPECT_EQ(closed.error().As<EphemeralDetail>()->failed, 1);
  EXPECT_EQ(closed.error().As<EphemeralDetail>()->total, 3);
  EXPECT_EQ(closed.error().As<EphemeralDetail>()->session_id, session.id());
  const std::string told =
      fmt::format(R"(partial_deletion_failure 3 4 {{"attempted_event":"closed","surviving_tables":["{}"]}})",
                  session.TableId("b"));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", told));
  EXPECT_EQ(SessionTables(), 1) << "what could be dropped stays dropped";
  EXPECT_EQ(FaultOf(session.Count("b")), EphemeralFault::kEnded);
  Ok(session.Close());

  EXPECT_EQ(Sweep(), SweepReport()) << "not at once";
  for (int i = 0; i < 4; ++i) {
    MoveClock(std::chrono::hours(2));
    EXPECT_EQ(Sweep(), (SweepReport{.failed = 1}));
  }
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", told)) << "said once";
  Unpin();
  MoveClock(std::chrono::hours(2));
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", told, "closed 3 6"));
  ExpectNothingLeft();
}

TEST_P(EphemeralEndTest, Trg136TriesComeLessAndLessOften) {
  EXPECT_EQ(SessionEnder::RetryAfter(0), seconds(30));
  EXPECT_EQ(SessionEnder::RetryAfter(1), seconds(60));
  EXPECT_EQ(SessionEnder::RetryAfter(7), seconds(3840));
  EXPECT_EQ(SessionEnder::RetryAfter(1000), seconds(3840));
  auto session = OpenWith("t", 1);
  Pin(session, "t");
  EXPECT_EQ(FaultOf(session.Close()), EphemeralFault::kPartialDeletionFailure);
  EXPECT_EQ(Sweep(), SweepReport());
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep().failed, 1);
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep(), SweepReport());
  Unpin();
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep().ended, 1);
}

TEST_P(EphemeralEndTest, Trg136WhyASessionEndsIsDecidedOnce) {
  auto session = OpenWith("t", 1);
  Pin(session, "t");
  Leak(std::move(session));
  MoveClock(kTimeout);
  EXPECT_EQ(Sweep().failed, 1);
  ASSERT_EQ(Told().size(), 2U);
  EXPECT_THAT(Told()[1], HasSubstr(R"("attempted_event":"timed_out")"));
  Unpin();
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep().ended, 1);
  EXPECT_EQ(Told()[2], "timed_out 1 1");
}

// An engine that renews its sessions would put the next try off for ever.
TEST_P(EphemeralEndTest, Trg136ARenewalDoesNotPutTheNextTryOff) {
  auto session = OpenWith("t", 1);
  Pin(session, "t");
  EXPECT_EQ(FaultOf(session.Close()), EphemeralFault::kPartialDeletionFailure);
  Unpin();
  Ok(node_.sessions->RenewLeases());
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep().ended, 1);
}

TEST_P(EphemeralEndTest, Trg136ClosingWhatHasTimedOutChangesNothing) {
  auto session = OpenWith("t", 1);
  Pin(session, "t");
  MoveClock(kTimeout);
  EXPECT_EQ(Sweep().failed, 1);
  const auto told = Told();
  Ok(session.Close());
  EXPECT_EQ(Told(), told);
  Unpin();
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep().ended, 1);
  EXPECT_EQ(Told().back(), "timed_out 1 1");
}

// The tenant may drop the table himself meanwhile.
TEST_P(EphemeralEndTest, Trg136ASurvivorThatIsGoneIsNoSurvivor) {
  auto session = OpenWith("t", 1);
  Pin(session, "t");
  const std::string id = session.TableId("t");
  EXPECT_EQ(FaultOf(session.Close()), EphemeralFault::kPartialDeletionFailure);
  Unpin();
  const bool dropped = node_.store->Drop(kA, id).has_value();
  EXPECT_TRUE(dropped);
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep().ended, 1);
  EXPECT_THAT(Told().back(), HasSubstr("closed 0 0"));
  ExpectNothingLeft();
}

// --- Handles that go.

TEST_P(EphemeralEndTest, Trg137AHandleThatGoesClosesItsSession) {
  { const auto session = OpenWith("t", 4); }
  EXPECT_EQ(SessionRows(), 1) << "not on the thread of who lets go";
  Sweep();
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 4"));
  ExpectNothingLeft();
}

TEST_P(EphemeralEndTest, Trg137W25AHandleWithoutTablesToo) {
  { const auto session = OpenSession(); }
  Sweep();
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 0 0"));
  ExpectNothingLeft();
  MoveClock(kTimeout);
  EXPECT_EQ(Sweep(), SweepReport()) << "no false timed_out";
  EXPECT_EQ(Told().size(), 2U);
}

TEST_P(EphemeralEndTest, Trg137HandlesMove) {
  auto first = OpenWith("t", 1);
  const std::string id = first.id();
  EphemeralSession moved(std::move(first));
  Sweep();
  EXPECT_EQ(Ok(moved.Count("t")), 1) << "the one that was moved from closes nothing";
  moved = OpenSession();
  Sweep();
  EXPECT_EQ(CodeOf(node_.sessions->Attach(kA, id)), ErrorCode::kNotFound) << "what was there is closed";
  EXPECT_EQ(SessionRows(), 1);
}

TEST_P(EphemeralEndTest, AnAttachedHandleGoesWithoutATrace) {
  auto session = OpenWith("t", 1);
  {
    auto second = Ok(node_.sessions->Attach(kA, session.id()));
    EXPECT_EQ(second.created_at(), session.created_at());
    EXPECT_EQ(second.deadline(), session.deadline());
    EXPECT_EQ(Ok(second.Insert("t", Images(2, 1))), 1);
    EXPECT_EQ(CodeOf(node_.sessions->Attach(kA, "no uuid")), ErrorCode::kNotFound);
  }
  Sweep();
  EXPECT_EQ(Ok(session.Count("t")), 2);
}

// A database that is away when the handle goes.
TEST_P(EphemeralEndTest, Trg137AClosingThatFailsIsTriedAgain) {
  { const auto session = OpenWith("t", 1); }
  SetLog(LogLevel::kOff, LogFormat::kText);
  Sql("ALTER TABLE mutable_tables RENAME TO mutable_tables_away");
  EXPECT_EQ(Sweep(), SweepReport());
  Sql("ALTER TABLE mutable_tables_away RENAME TO mutable_tables");
  EXPECT_EQ(SessionRows(), 1);
  Sweep();
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 1"));
}

// --- Sweeping.

TEST_P(EphemeralEndTest, Case44Trg138ASweepEndsWhatHasTimedOut) {
  Leak(OpenSession(kA, microseconds(1)));
  auto& session = leaked_.back();
  Sql("UPDATE ephemeral_sessions SET deadline = NULL");  // so that there is time for a row
  AddTable(session, "t", 1);
  Sql("UPDATE ephemeral_sessions SET deadline = created_at + 1");
  const std::string id = session.TableId("t");
  EXPECT_EQ(SessionRows(), 1);
  MoveClock(microseconds(1));
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_EQ(SessionRows(), 0);
  EXPECT_EQ(CodeOf(node_.tables(kA).Get(id)), ErrorCode::kNotFound);
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "timed_out 1 1"));
}

TEST_P(EphemeralEndTest, Trg138TheFailureOfOneDoesNotStopTheOthers) {
  for (int i = 0; i < 4; ++i) Leak(OpenWith("t", 1));
  Pin(leaked_[0], "t");
  Pin(leaked_[2], "t");
  MoveClock(kTimeout);
  SetLog(LogLevel::kError, LogFormat::kText);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 2, .failed = 2}));
  EXPECT_EQ(SessionTables(), 2);
  Unpin();
}

// A pass ends so many; what fails goes to the end of the queue.
TEST_P(EphemeralEndTest, Trg138APassIsBoundedAndNothingStarves) {
  node_.Close();
  Open(node_, {.sessions_a_pass = 4, .background = false});
  SetLog(LogLevel::kError, LogFormat::kText);
  for (int i = 0; i < 10; ++i) Leak(OpenWith("t", 1));
  for (size_t i = 0; i < 4; ++i) Pin(leaked_[i], "t");
  MoveClock(kTimeout);
  EXPECT_EQ(Sweep(), (SweepReport{.failed = 4, .more = true}));
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 4, .more = true}));
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 2}));
  EXPECT_EQ(Sweep(), SweepReport());
  EXPECT_EQ(SessionRows(), 4);
  Unpin();
}

TEST_P(EphemeralEndTest, Trg138AThousandThatAreDueTakeManyPasses) {
  Leak(OpenSession());
  std::vector<std::string> rows;
  for (int i = 0; i < 999; ++i) {
    rows.push_back(fmt::format("('{}', '{}', 0, 1, 'gone', 1, 1)", kA.Key(), Uuid::RandomV4().ToString()));
  }
  Sql(
      fmt::format("INSERT INTO ephemeral_sessions (scope, session_id, created_at, deadline, lease_holder, "
                  "lease_epoch, lease_expires_at) VALUES {}",
                  fmt::join(rows, ", ")));
  MoveClock(kTimeout);
  int64_t ended = 0;
  int passes = 0;
  SweepReport report{.more = true};
  for (; report.more; ++passes) {
    report = Sweep();
    EXPECT_LE(report.ended, 64);
    EXPECT_EQ(report.failed, 0);
    ended += report.ended;
  }
  EXPECT_EQ(ended, 1000);
  EXPECT_EQ(passes, 16);
  ExpectNothingLeft();
  EXPECT_EQ(std::ranges::count(Told(), "timed_out 0 0"), 1000);
}

// Whatever it is that goes wrong with one of them.
TEST_P(EphemeralEndTest, Trg138WhatCannotBeEndedAtAllIsLeftToLater) {
  Leak(OpenSession());
  MoveClock(kTimeout);
  Sql("ALTER TABLE mutable_tables RENAME TO mutable_tables_away");
  SetLog(LogLevel::kOff, LogFormat::kText);
  EXPECT_EQ(Sweep(), (SweepReport{.failed = 1}));
  EXPECT_EQ(Sweep(), SweepReport()) << "not due for a while";
  Sql("ALTER TABLE mutable_tables_away RENAME TO mutable_tables");
  MoveClock(seconds(30));
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "timed_out 0 0"));
}

TEST_P(EphemeralEndTest, Trg139AnEngineSweepsByItself) {
  Leak(OpenWith("t", 1));
  MoveClock(kTimeout);
  node_.Die();
  Open(node_, {.sweep_interval = std::chrono::milliseconds(5)});
  while (SessionRows() > 0) std::this_thread::yield();  // at once
  Leak(OpenWith("t", 2));
  MoveClock(kTimeout);
  while (SessionRows() > 0) std::this_thread::yield();  // and again and again
  { const auto session = OpenSession(); }
  while (SessionRows() > 0) std::this_thread::yield();
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "timed_out 1 1", "opened 0 0", "timed_out 1 2", "opened 0 0",
                                  "closed 0 0"));
}

// While an engine lives it keeps its sessions; the thread that does so ends with the last of them.
TEST_P(EphemeralEndTest, LeasesAreRenewedWhileSomebodyHasASession) {
  auto session = OpenSession(kA, std::chrono::hours(5));
  AddTable(session, "t", 1);
  for (int i = 0; i < 2; ++i) {
    MoveClock(kLease - seconds(1));
    Ok(node_.sessions->RenewLeases());
  }
  EXPECT_EQ(Sweep(), SweepReport());
  EXPECT_EQ(Ok(session.Count("t")), 1);
  MoveClock(kLease);
  EXPECT_EQ(Ok(session.Count("t")), 1) << "not swept yet";
  Ok(node_.sessions->RenewLeases());
  EXPECT_EQ(Sweep(), SweepReport()) << "a late renewal is better than none";
  MoveClock(kLease);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", R"(timed_out 1 1 {"reason":"engine_lost"})"));
}

// --- W-25: whatever dies, nothing stays.

TEST_P(EphemeralEndTest, W25AnEngineThatStartsSweepsWhatADeadOneHasLeft) {
  Leak(OpenWith("t", 2));
  Leak(OpenSession(kB, microseconds::max()));
  node_.Die();
  Open(node_);
  // Where other engines may live their leases must expire first.
  if (node_.catalog->backend().kind() == BackendKind::kPostgres) MoveClock(kLease);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 2}));
  EXPECT_THAT(Told(kA), ElementsAre("opened 0 0", R"(timed_out 1 2 {"reason":"engine_lost"})"));
  EXPECT_THAT(Told(kB), ElementsAre("opened 0 0", R"(timed_out 0 0 {"reason":"engine_lost"})"));
  ExpectNothingLeft();
}

TEST_P(EphemeralEndTest, AnEngineThatIsClosedGivesUpItsSessions) {
  Leak(OpenWith("t", 2));
  node_.Close();
  EXPECT_EQ(CodeOf(leaked_[0].Count("t")), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(leaked_[0].Close()), ErrorCode::kUnavailable);
  Open(node_);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 2"));
  ExpectNothingLeft();
}

TEST_P(EphemeralEndTest, W25ATableIsNotCreatedInASessionThatHasEnded) {
  auto session = OpenSession();
  auto second = Ok(node_.sessions->Attach(kA, session.id()));
  MoveClock(kTimeout);
  EXPECT_EQ(FaultOf(session.CreateTable("t", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  EXPECT_EQ(Sweep().ended, 1);
  EXPECT_EQ(FaultOf(second.CreateTable("t", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  ExpectNothingLeft();
}

// --- One transaction.

// What ends a session happens whole, or not at all: an error at any of its steps leaves it open.
TEST_P(EphemeralEndTest, W25TheEndAndItsAnnouncementAreOneTransaction) {
  auto session = OpenWith("t", 3);
  Sql("UPDATE topic_heads SET next_offset = 1099511627775 WHERE topic_no = "
      "(SELECT topic_no FROM topics WHERE name = 'jammi.audit.session_lifecycle.v1')");
  EXPECT_FALSE(session.Close()) << "there is no offset left for the event";
  EXPECT_EQ(SessionRows(), 1);
  EXPECT_EQ(StorageTables(), 1);
  EXPECT_EQ(Ok(session.Count("t")), 3);
}

}  // namespace
}  // namespace jammi::test
