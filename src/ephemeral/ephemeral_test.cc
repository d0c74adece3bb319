// Ephemeral sessions: rules TRG-129 to TRG-143, cases 42 to 46, weakness W-25. (What takes two engines:
// replicas_pgtest.cc; what a kill leaves: tests/crash.)
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

JAMMI_ON_EVERY_DATABASE(EphemeralTest);

// --- Opening and deadlines.

TEST_P(EphemeralTest, Trg129Case46OpeningTakesATenant) {
  const auto refused = node_.sessions->Open(kGlobal, {.timeout = kTimeout});
  EXPECT_EQ(FaultOf(refused), EphemeralFault::kNoTenantBinding);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(SessionRows(), 0);
}

TEST_P(EphemeralTest, Trg129ASessionIsRecordedAndAnnounced) {
  const auto session = OpenSession();
  EXPECT_EQ(Uuid::Parse(session.id())->ToString(), session.id());
  EXPECT_EQ(session.tenant(), *kA.tenant());
  EXPECT_EQ(session.deadline(), session.created_at() + microseconds(kTimeout).count());
  EXPECT_EQ(GetInt("SELECT created_at AS v FROM ephemeral_sessions"), session.created_at());
  ASSERT_THAT(Told(), ElementsAre("opened 0 0"));
  const auto record = Records()[0];
  EXPECT_EQ(record["session_id"], session.id());
  EXPECT_EQ(record["tenant_id"], kA.Key());
  EXPECT_FALSE(record.contains("details"));
}

TEST_P(EphemeralTest, Trg130TimeoutsMustBeAboveZero) {
  for (const auto timeout : {microseconds(0), microseconds(-1), microseconds::min()}) {
    EXPECT_EQ(CodeOf(node_.sessions->Open(kA, {.timeout = timeout})), ErrorCode::kInvalidArgument);
  }
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(SessionRows(), 0);
}

TEST_P(EphemeralTest, Trg130TheDeadlineIsAbsolute) {
  auto session = OpenWith("t", 1);
  const UnixMicros end = *session.deadline();
  const auto now = [&] { return GetInt("SELECT jammi_now() AS v"); };
  MoveClock(microseconds(end - now()) - minutes(5));
  EXPECT_EQ(Ok(session.Insert("t", Images(2, 1))), 1) << "what is done with it changes nothing";
  Ok(node_.sessions->RenewLeases());
  EXPECT_EQ(Sweep(), SweepReport());
  EXPECT_EQ(session.deadline(), end);
  MoveClock(minutes(5));
  EXPECT_EQ(FaultOf(session.Count("t")), EphemeralFault::kEnded) << "before anybody has swept";
  EXPECT_EQ(FaultOf(session.Insert("t", Images(3, 1))), EphemeralFault::kEnded);
  EXPECT_EQ(FaultOf(session.CreateTable("u", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "timed_out 1 2"));
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Trg130ATimeoutThatIsTooLongForTheClockMeansNever) {
  auto session = OpenSession(kA, microseconds::max());
  EXPECT_EQ(session.deadline(), std::nullopt);
  MoveClock(std::chrono::days(365));
  Ok(node_.sessions->RenewLeases());
  EXPECT_EQ(Sweep(), SweepReport());
  AddTable(session, "t", 2);
  Ok(session.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 2"));
}

// --- Tables.

TEST_P(EphemeralTest, Trg131TheIdOfATableSaysWhoseItIs) {
  auto session = OpenSession();
  const std::string name(24, 'n');
  Ok(session.CreateTable(name, ImageSchema(), {"image_id"}));
  const std::string id = fmt::format("__eph_{}_{}", Uuid::Parse(session.id())->ToHex(), name);
  EXPECT_EQ(session.TableId(name), id);
  EXPECT_EQ(id.size(), 63U);
  EXPECT_EQ(Ok(node_.tables(kA).Get(id)).owner, kA);
}

TEST_P(EphemeralTest, Trg131NamesOfTablesAreChecked) {
  auto session = OpenSession();
  const auto create = [&](std::string_view name) {
    return session.CreateTable(name, ImageSchema(), {"image_id"});
  };
  const auto too_long = create(std::string(25, 'n'));
  ASSERT_EQ(FaultOf(too_long), EphemeralFault::kNameTooLong);
  EXPECT_EQ(too_long.error().As<EphemeralDetail>()->limit, 24);
  EXPECT_EQ(too_long.error().As<EphemeralDetail>()->table, std::string(25, 'n'));
  EXPECT_EQ(FaultOf(create("ééééééééééééé")), EphemeralFault::kNameTooLong) << "26 bytes";
  for (const std::string_view name : {"", "Hits", "a-b", "a b", "é", "a\"b", "a;b"}) {
    EXPECT_EQ(CodeOf(create(name)), ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(SessionTables(), 0);
  for (const std::string_view name : {"_", "0", "a_1", "__eph_x"}) Ok(create(name));
  Ok(session.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 4 0"));
}

TEST_P(EphemeralTest, Trg132ATableIsAnOrdinaryOneOfTheTenant) {
  auto session = OpenWith("t", 2);
  const auto duplicate = session.CreateTable("t", ImageSchema(), {"image_hash"});
  ASSERT_EQ(FaultOf(duplicate), EphemeralFault::kDuplicateTable);
  EXPECT_EQ(duplicate.error().As<EphemeralDetail>()->table, "t");
  EXPECT_EQ(Ok(session.Count("t")), 2) << "it is the first one still";
  EXPECT_EQ(Ok(node_.tables(kA).Append(session.TableId("t"), Images(3, 1))), 1);
  EXPECT_EQ(Ok(session.Count("t")), 3);
  const auto bad_key = session.CreateTable("u", ImageSchema(), {"nothing"});
  ASSERT_FALSE(bad_key);
  EXPECT_EQ(bad_key.error().As<TableDetail>()->fault, TableFault::kMissingPrimaryKey);
  auto other = OpenWith("t", 1);
  EXPECT_EQ(Ok(other.Count("t")), 1) << "names are the session's own";
}

TEST_P(EphemeralTest, Trg133AnInsertIsAllOrNothing) {
  auto session = OpenWith("t", 2);
  const auto unknown = session.Insert("nothing", Images(1, 1));
  ASSERT_EQ(FaultOf(unknown), EphemeralFault::kUnknownTable);
  EXPECT_EQ(unknown.error().As<EphemeralDetail>()->table, "nothing");
  EXPECT_EQ(FaultOf(session.Count("No such name")), EphemeralFault::kUnknownTable);
  EXPECT_EQ(FaultOf(session.Count(std::string(100, 'n'))), EphemeralFault::kUnknownTable);

  EXPECT_EQ(CodeOf(session.Insert("t", Images(2, 5))), ErrorCode::kAlreadyExists) << "one key is there";
  const auto schema = arrow::schema({arrow::field("image_id", arrow::int64(), false)});
  const auto narrow = arrow::RecordBatch::Make(schema, 1, {Images(9, 1)->column(0)});
  EXPECT_EQ(CodeOf(session.Insert("t", narrow)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Ok(session.Count("t")), 2);
  EXPECT_EQ(Ok(session.Insert("t", Images(3, 0))), 0);
  EXPECT_EQ(Ok(session.Insert("t", Images(3, 5))), 5);
  EXPECT_EQ(Ok(session.Count("t")), 7);
}

TEST_P(EphemeralTest, Case42RowsAreWrittenAndCounted) {
  auto session = OpenSession();
  Ok(session.CreateTable("query_images", ImageSchema(), {"image_id"}));
  EXPECT_EQ(Ok(session.Insert("query_images", Images(1, 2))), 2);
  EXPECT_EQ(Ok(session.Count("query_images")), 2);
}

// --- Closing.

TEST_P(EphemeralTest, Case43Trg135ClosingDropsTheTablesAndSaysSo) {
  auto session = OpenWith("t", 3);
  const std::string id = session.TableId("t");
  Ok(session.Close());
  EXPECT_EQ(CodeOf(node_.tables(kA).Get(id)), ErrorCode::kNotFound);
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 3"));
  EXPECT_EQ(Records()[1]["tenant_id"], kA.Key());
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Trg135AllTablesAreCounted) {
  auto session = OpenSession();
  for (int i = 0; i < 5; ++i) AddTable(session, fmt::format("t{}", i), i);
  auto other = OpenWith("t1", 7);
  Ok(session.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "opened 0 0", "closed 5 10"));
  EXPECT_EQ(Ok(other.Count("t1")), 7) << "another session's are not touched";
}

// More than one transaction drops.
TEST_P(EphemeralTest, Trg135ASessionWithManyTablesEndsOnce) {
  auto session = OpenSession();
  const int tables = 2 * static_cast<int>(SessionEnder::kTablesAStep) + 3;
  for (int i = 0; i < tables; ++i) AddTable(session, fmt::format("t{}", i), i % 2);
  Ok(session.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", fmt::format("closed {} {}", tables, tables / 2)));
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Trg135Trg143ClosingAgainDoesNothing) {
  auto session = OpenWith("t", 1);
  auto second = Ok(node_.sessions->Attach(kA, session.id()));
  Ok(session.Close());
  Ok(session.Close());
  Ok(second.Close());
  EXPECT_EQ(Sweep(), SweepReport());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 1"));
}

TEST_P(EphemeralTest, Trg143AClosedSessionIsOfNoUse) {
  auto session = OpenWith("t", 1);
  auto second = Ok(node_.sessions->Attach(kA, session.id()));
  Ok(session.Close());
  for (auto* handle : {&session, &second}) {
    const auto inserted = handle->Insert("t", Images(5, 1));
    EXPECT_EQ(FaultOf(inserted), EphemeralFault::kEnded);
    EXPECT_EQ(CodeOf(inserted), ErrorCode::kInvalidState);
    EXPECT_THAT(inserted.error().message(), HasSubstr("already closed"));
    EXPECT_EQ(FaultOf(handle->Count("t")), EphemeralFault::kEnded);
    EXPECT_EQ(FaultOf(handle->CreateTable("u", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  }
  EXPECT_EQ(CodeOf(node_.sessions->Attach(kA, session.id())), ErrorCode::kNotFound);
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Case45WhatWasCopiedElsewhereStays) {
  Ok(node_.tables(kA).Create({.id = "hashes", .schema = ImageSchema(), .primary_key = {"image_id"}}));
  auto session = OpenWith("t", 3);
  EXPECT_EQ(Ok(node_.tables(kA).Append("hashes", Images(1, 1))), 1);
  Ok(session.Close());
  EXPECT_EQ(CodeOf(node_.tables(kA).Append("hashes", Images(1, 1))), ErrorCode::kAlreadyExists);
  EXPECT_EQ(StorageTables(), 1);
}

// --- Partial deletion.

TEST_P(EphemeralTest, Trg136W25WhatSurvivesIsTriedAgainUntilItIsGone) {
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

TEST_P(EphemeralTest, Trg136TriesComeLessAndLessOften) {
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

TEST_P(EphemeralTest, Trg136WhyASessionEndsIsDecidedOnce) {
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

// The tenant may drop the table himself meanwhile.
TEST_P(EphemeralTest, Trg136ASurvivorThatIsGoneIsNoSurvivor) {
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

TEST_P(EphemeralTest, Trg137AHandleThatGoesClosesItsSession) {
  { const auto session = OpenWith("t", 4); }
  EXPECT_EQ(SessionRows(), 1) << "not on the thread of who lets go";
  Sweep();
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 4"));
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Trg137W25AHandleWithoutTablesToo) {
  { const auto session = OpenSession(); }
  Sweep();
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 0 0"));
  ExpectNothingLeft();
  MoveClock(kTimeout);
  EXPECT_EQ(Sweep(), SweepReport()) << "no false timed_out";
  EXPECT_EQ(Told().size(), 2U);
}

TEST_P(EphemeralTest, Trg137HandlesMove) {
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

TEST_P(EphemeralTest, AnAttachedHandleGoesWithoutATrace) {
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
TEST_P(EphemeralTest, Trg137AClosingThatFailsIsTriedAgain) {
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

TEST_P(EphemeralTest, Case44Trg138ASweepEndsWhatHasTimedOut) {
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

TEST_P(EphemeralTest, Trg138TheFailureOfOneDoesNotStopTheOthers) {
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
TEST_P(EphemeralTest, Trg138APassIsBoundedAndNothingStarves) {
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

TEST_P(EphemeralTest, Trg138AThousandThatAreDueTakeManyPasses) {
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
TEST_P(EphemeralTest, Trg138WhatCannotBeEndedAtAllIsLeftToLater) {
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

TEST_P(EphemeralTest, Trg139AnEngineSweepsByItself) {
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
TEST_P(EphemeralTest, LeasesAreRenewedWhileSomebodyHasASession) {
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

TEST_P(EphemeralTest, W25AnEngineThatStartsSweepsWhatADeadOneHasLeft) {
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

TEST_P(EphemeralTest, AnEngineThatIsClosedGivesUpItsSessions) {
  Leak(OpenWith("t", 2));
  node_.Close();
  EXPECT_EQ(CodeOf(leaked_[0].Count("t")), ErrorCode::kUnavailable);
  EXPECT_EQ(CodeOf(leaked_[0].Close()), ErrorCode::kUnavailable);
  Open(node_);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 1}));
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 2"));
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, W25ATableIsNotCreatedInASessionThatHasEnded) {
  auto session = OpenSession();
  auto second = Ok(node_.sessions->Attach(kA, session.id()));
  MoveClock(kTimeout);
  EXPECT_EQ(FaultOf(session.CreateTable("t", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  EXPECT_EQ(Sweep().ended, 1);
  EXPECT_EQ(FaultOf(second.CreateTable("t", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  ExpectNothingLeft();
}

// --- Tenants.

TEST_P(EphemeralTest, Trg134Case46NobodyReachesAnothersSession) {
  auto session = OpenWith("t", 1);
  const std::string id = session.TableId("t");
  for (const Scope& other : {kB, kGlobal}) {
    const auto attached = node_.sessions->Attach(other, session.id());
    EXPECT_EQ(CodeOf(attached), ErrorCode::kNotFound);
    const std::string nothing = Uuid::RandomV4().ToString();
    EXPECT_EQ(attached.error().message(), fmt::format("ephemeral session not found: {}", session.id()));
    EXPECT_EQ(node_.sessions->Attach(other, nothing).error().message(),
              fmt::format("ephemeral session not found: {}", nothing));
    Tables tables = node_.tables(other);
    EXPECT_EQ(CodeOf(tables.Get(id)), ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(tables.Append(id, Images(9, 1))), ErrorCode::kNotFound);
    EXPECT_FALSE(tables.Drop(id));
    EXPECT_THAT(Told(other), IsEmpty());
  }
  EXPECT_EQ(Ok(session.Count("t")), 1);
}

TEST_P(EphemeralTest, Trg141TablesAreDroppedAsTheirOwnTenants) {
  Leak(OpenWith("t", 1, kA));
  Leak(OpenWith("t", 2, kB));
  MoveClock(kTimeout);
  EXPECT_EQ(Sweep(), (SweepReport{.ended = 2})) << "the sweeper is bound to nobody";
  EXPECT_THAT(Told(kA), ElementsAre("opened 0 0", "timed_out 1 1"));
  EXPECT_THAT(Told(kB), ElementsAre("opened 0 0", "timed_out 1 2"));
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Trg142Trg017TheTopicIsTheTenantsAndTheEngines) {
  auto session = OpenSession();
  const Topic topic = Ok(node_.streams->FindTopic(kA, kSessionLifecycleTopic));
  EXPECT_EQ(topic.owner, kA);
  EXPECT_TRUE(topic.schema->Equals(*LifecycleSchema()));
  EXPECT_FALSE(topic.schema->field(0)->nullable());
  EXPECT_EQ(CodeOf(node_.streams->FindTopic(kB, kSessionLifecycleTopic)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(node_.streams->DropTopic(kA, topic.id)), ErrorCode::kPermissionDenied);
  const auto forged = arrow::RecordBatch::Make(LifecycleSchema(), 1, {Images(1, 1)->column(1)});
  EXPECT_EQ(CodeOf(node_.streams->Publish(kA, topic.id, forged)), ErrorCode::kPermissionDenied);
  Ok(session.Close());
  const auto replayed = Told();
  node_.Close();
  Open(node_);
  EXPECT_EQ(Told(), replayed) << "durable";
}

// Quotas of a tenant keep nothing from ending.
TEST_P(EphemeralTest, Trg142ATenantIsToldWhateverHisQuotas) {
  node_.Close();
  streams_options_.quotas.everybody = {.max_topics = 1, .max_bytes = 1};
  Open(node_);
  auto session = OpenWith("t", 1);
  Ok(session.Close());
  EXPECT_THAT(Told(), ElementsAre("opened 0 0", "closed 1 1"));
}

// --- One transaction.

// What ends a session happens whole, or not at all: an error at any of its steps leaves it open.
TEST_P(EphemeralTest, W25TheEndAndItsAnnouncementAreOneTransaction) {
  auto session = OpenWith("t", 3);
  Sql("UPDATE topic_heads SET next_offset = 1099511627775 WHERE topic_no = "
      "(SELECT topic_no FROM topics WHERE name = 'jammi.audit.session_lifecycle.v1')");
  EXPECT_FALSE(session.Close()) << "there is no offset left for the event";
  EXPECT_EQ(SessionRows(), 1);
  EXPECT_EQ(StorageTables(), 1);
  EXPECT_EQ(Ok(session.Count("t")), 3);
}

TEST_P(EphemeralTest, EveryStatementUsesAnIndex) {
  ExpectNoScanOrSort(node_.catalog->backend(), EphemeralStatements());
  ExpectNoScanOrSort(node_.catalog->backend(), SessionTableStatements());
}

}  // namespace
}  // namespace jammi::test
