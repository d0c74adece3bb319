// A log call that dies on its way has left nothing behind, or all of it.
#include <thread>

#include "audit/audit_fixture.h"
#include "support/fault_vfs.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

using test::AuditNode;
using test::CodeOf;
using test::kA;
using test::Ok;

// On a disk that fails, and forgets, as it is told.
class AuditFaultTest : public testing::Test {
 protected:
  AuditFaultTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);
    Open(node_, disk_);
  }
  ~AuditFaultTest() override {
    ClearSyncPoints();
    node_.Close();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  void Open(AuditNode& node, const test::FaultVfs& disk) {
    SqliteOptions sqlite;
    sqlite.path = folder_ / "catalog.db";
    sqlite.vfs = disk.name();
    node.Open(Ok(OpenSqliteCatalog(sqlite)), keys_, clock_);
  }
  static std::vector<AuditedQuery> Queries(uint64_t begin, uint64_t end) {
    std::vector<AuditedQuery> queries;
    for (; begin < end; ++begin) {
      queries.push_back({.query_id = *Uuid::Parse(fmt::format("00000000-0000-4000-8000-{:012x}", begin))});
    }
    return queries;
  }
  // Records, and events of the topic; what is there is whole.
  static std::pair<int64_t, int64_t> Stored(const AuditNode& node) {
    const auto report = Ok(node.Of(kA).VerifyChain());
    EXPECT_TRUE(report.intact());
    const auto topic = node.streams->FindTopic(kA, kAuditTopic);
    const auto events = topic ? Ok(node.streams->StatsOf(kA, topic->id)).events : 0;
    return {report.checked, static_cast<int64_t>(events)};
  }

  const test::TempDir folder_{test::TempDir::On::kMemory};
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'000'000);
  const std::shared_ptr<test::TestKeys> keys_ = std::make_shared<test::TestKeys>();
  test::FaultVfs disk_;
  AuditNode node_;
};

TEST_F(AuditFaultTest, Weakness7AProcessThatDiesBetweenInsertAndPublishHasLeftNothing) {
  Ok(node_.Of(kA).Log(Queries(1, 3)));
  std::optional<test::DiskImage> at_the_kill;
  SetSyncPoint("Audit::Write inserted", [&] { at_the_kill = disk_.AfterKill(); });
  Ok(node_.Of(kA).Log(Queries(3, 6)));
  ClearSyncPoints();
  EXPECT_EQ(Stored(node_), std::pair(int64_t{5}, int64_t{2}));
  node_.Close();

  ASSERT_TRUE(at_the_kill);
  const test::FaultVfs after(*at_the_kill);
  Open(node_, after);
  EXPECT_EQ(Stored(node_), std::pair(int64_t{2}, int64_t{1}));
  Ok(node_.Of(kA).Log(Queries(3, 6)));
  EXPECT_EQ(Stored(node_), std::pair(int64_t{5}, int64_t{2}));
  node_.Close();
}

TEST_F(AuditFaultTest, AFullDiskLeavesNothingAndIsSaid) {
  Ok(node_.Of(kA).Log(Queries(1, 3)));
  disk_.Inject({.kind = test::DiskFault::Kind::kFull, .lasting = true});
  const auto full = node_.Of(kA).Log(Queries(3, 6));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code(), ErrorCode::kResourceExhausted) << full.error().ToString();
  disk_.Heal();
  EXPECT_EQ(Stored(node_), std::pair(int64_t{2}, int64_t{1}));
  Ok(node_.Of(kA).Log(Queries(3, 6)));
  EXPECT_EQ(Stored(node_), std::pair(int64_t{5}, int64_t{2}));
}

// The outcome of a commit that fails is unknown: to log the same again is right, whichever it was.
TEST_F(AuditFaultTest, Weakness7AfterAnUnknownOutcomeTheSameCallIsRepeated) {
  Ok(node_.Of(kA).Log(Queries(1, 3)));
  disk_.Inject({.ops = {test::DiskOp::kSync}});
  const auto unknown = node_.Of(kA).Log(Queries(3, 6));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kOutcomeUnknown);
  Ok(node_.Of(kA).Log(Queries(3, 6)));
  EXPECT_EQ(Stored(node_), std::pair(int64_t{5}, int64_t{2}));
}

TEST_F(AuditFaultTest, AnEngineThatIsClosedLogsNothing) {
  node_.streams->Shutdown();
  EXPECT_EQ(CodeOf(node_.Of(kA).Log(Queries(1, 2))), ErrorCode::kUnavailable);
}

// A database that fails after the rows were inserted, whichever database it is.
class AuditRollbackTest : public test::AuditTest {};
JAMMI_ON_EVERY_DATABASE(AuditRollbackTest);

TEST_P(AuditRollbackTest, Weakness7WhatFailsAfterTheInsertLeavesNothing) {
  Ok(LogOne(A(), Query(1)));
  // Taken from below while the insert is done: the next statement of the transaction fails.
  SetSyncPoint("Audit::Write inserted", [&] { throw std::runtime_error("the process is in a bad way"); });
  EXPECT_FALSE(LogOne(A(), Query(2)));
  ClearSyncPoints();
  EXPECT_FALSE(Ok(A().Find(Id(2))));
  EXPECT_EQ(Announced(kA).size(), 1U);
  Ok(LogOne(A(), Query(2)));
  EXPECT_EQ(Announced(kA).size(), 2U);
  EXPECT_EQ(Ok(A().VerifyChain()).checked, 2);
  EXPECT_TRUE(Ok(A().VerifyChain()).intact());
}

}  // namespace
}  // namespace jammi
