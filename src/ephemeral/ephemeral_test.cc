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

Result<bool> TakeAll(const std::shared_ptr<arrow::RecordBatch>& /*batch*/) { return true; }

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

TEST_P(EphemeralTest, Case42WhatWasInsertedIsRead) {
  auto session = OpenSession();
  Ok(session.CreateTable("query_images", ImageSchema(), {"image_id"}));
  EXPECT_EQ(Ok(session.Insert("query_images", Images(1, 2))), 2);
  EXPECT_THAT(Hashes(session, "query_images"), ElementsAre("h1", "h2")) << "by their key";
  EXPECT_EQ(Ok(session.Count("query_images")), 2);
  EXPECT_EQ(FaultOf(session.Scan("nothing", {}, TakeAll)), EphemeralFault::kUnknownTable);
}

// --- Closing.

TEST_P(EphemeralTest, Case43Trg135ClosingDropsTheTablesAndSaysSo) {
  auto session = OpenWith("t", 3);
  const std::string id = session.TableId("t");
  EXPECT_THAT(Hashes(node_.tables(kA), id), ElementsAre("h1", "h2", "h3"));
  Ok(session.Close());
  EXPECT_EQ(CodeOf(node_.tables(kA).Get(id)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(node_.tables(kA).Scan(id, {}, TakeAll)), ErrorCode::kNotFound);
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
    EXPECT_EQ(FaultOf(handle->Scan("t", {}, TakeAll)), EphemeralFault::kEnded);
    EXPECT_EQ(FaultOf(handle->CreateTable("u", ImageSchema(), {"image_id"})), EphemeralFault::kEnded);
  }
  EXPECT_EQ(CodeOf(node_.sessions->Attach(kA, session.id())), ErrorCode::kNotFound);
  ExpectNothingLeft();
}

TEST_P(EphemeralTest, Case45WhatWasCopiedElsewhereStays) {
  Tables tables = node_.tables(kA);
  Ok(tables.Create({.id = "hashes", .schema = ImageSchema(), .primary_key = {"image_id"}}));
  auto session = OpenWith("t", 3);
  std::shared_ptr<arrow::RecordBatch> found;
  Ok(session.Scan("t", {.limit = 1}, [&](const std::shared_ptr<arrow::RecordBatch>& batch) -> Result<bool> {
    found = batch;
    return true;
  }));
  EXPECT_EQ(Ok(tables.Append("hashes", found)), 1);
  Ok(session.Close());
  EXPECT_THAT(Hashes(tables, "hashes"), ElementsAre("h1"));
  EXPECT_EQ(StorageTables(), 1);
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
    EXPECT_EQ(CodeOf(tables.Scan(id, {}, TakeAll)), ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(tables.Append(id, Images(9, 1))), ErrorCode::kNotFound);
    EXPECT_FALSE(tables.Drop(id));
    EXPECT_THAT(Told(other), IsEmpty());
  }
  EXPECT_THAT(Hashes(session, "t"), ElementsAre("h1"));
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

TEST_P(EphemeralTest, EveryStatementUsesAnIndex) {
  ExpectNoScanOrSort(node_.catalog->backend(), EphemeralStatements());
  ExpectNoScanOrSort(node_.catalog->backend(), SessionTableStatements());
}

}  // namespace
}  // namespace jammi::test
