// The audit log over a connection to PostgreSQL that is cut: records, chain and event are there once or not
// at all, and whoever was told of a success has all three.
#include <atomic>
#include <latch>
#include <thread>

#include "audit/audit_fixture.h"
#include "support/pg_server.h"
#include "support/raw_postgres.h"
#include "support/tcp_proxy.h"

namespace jammi {
namespace {

using std::chrono::milliseconds;
using test::AuditNode;
using test::CodeOf;
using test::kA;
using test::Ok;
using test::PgServer;
using test::TcpProxy;

class AuditLossTest : public testing::Test {
 protected:
  AuditLossTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);
    OpenWith(milliseconds(15'000));
    Log(1, 3);
  }
  ~AuditLossTest() override {
    ClearSyncPoints();
    proxy_.Refuse(false);
    node_.Close();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  void OpenWith(milliseconds retry_for) {
    PostgresOptions options;
    options.url = Secret(PgServer::Shared().Url(database_, proxy_.port()));
    options.retry_for = retry_for;
    options.acquire_timeout = retry_for;
    node_.Close();
    node_.Open(Ok(OpenPostgresCatalog(options)), std::make_shared<test::TestKeys>(),
               std::make_shared<ManualClock>(1'700'000'000'000'000));
  }
  static std::vector<AuditedQuery> Queries(uint64_t begin, uint64_t end) {
    std::vector<AuditedQuery> queries;
    for (; begin < end; ++begin) {
      queries.push_back({.query_id = *Uuid::Parse(fmt::format("00000000-0000-4000-8000-{:012x}", begin))});
    }
    return queries;
  }
  // One call, one event; a success is counted.
  Result<std::vector<AuditRecord>> TryLog(uint64_t begin, uint64_t end) {
    auto logged = node_.Of(kA).Log(Queries(begin, end));
    if (logged) records_ += static_cast<int64_t>(end - begin);
    if (logged) ++events_;
    return logged;
  }
  void Log(uint64_t begin, uint64_t end) {
    const auto logged = TryLog(begin, end);
    ASSERT_TRUE(logged) << logged.error().ToString();
  }

  // As the database has it, whatever the connections of the log are like.
  void ExpectWhatWasAcknowledged() {
    ASSERT_EQ(raw_.Number("SELECT count(*) FROM search_audit"), records_);
    ASSERT_EQ(raw_.Number("SELECT next_seq FROM audit_chains"), records_ + 1);
    ASSERT_EQ(raw_.Number("SELECT count(*) FROM search_audit s JOIN audit_chains c ON c.chain = s.chain"
                          " WHERE s.seq = c.next_seq - 1"),
              1);
    ASSERT_EQ(raw_.Number("SELECT h.next_offset FROM topic_heads h JOIN topics t ON t.topic_no = h.topic_no"
                          " WHERE t.name = 'jammi.audit.search.v1'"),
              events_);
    ASSERT_EQ(raw_.Number("SELECT count(*) FROM events"),
              raw_.Number("SELECT CAST(sum(events) AS BIGINT) FROM topic_heads"));
  }
  void ExpectIntact() {
    const auto report = Ok(node_.Of(kA).VerifyChain());
    EXPECT_TRUE(report.intact());
    EXPECT_EQ(report.checked, records_);
  }

  const std::string database_ = PgServer::Shared().CreateDatabase();
  TcpProxy proxy_{PgServer::Shared().port()};
  AuditNode node_;
  test::RawPostgres raw_{PgServer::Shared().Url(database_)};
  int64_t records_ = 0;
  int64_t events_ = 0;
};

// Each message of a fresh connection in turn: making it, BEGIN, the head, the rows, the event, COMMIT and the
// answers to all of them.
TEST_F(AuditLossTest, Weakness7ACutAnywhereLeavesAllOrNothing) {
  uint64_t next = 100;
  for (const auto direction : {TcpProxy::Direction::kToServer, TcpProxy::Direction::kToClient}) {
    for (int64_t messages = 0; messages < 60; ++messages) {
      SCOPED_TRACE(messages);
      proxy_.CutAll();
      proxy_.CutAfter(direction, messages);
      Log(next, next + 2);
      next += 2;
      ExpectWhatWasAcknowledged();
      if (HasFatalFailure()) return;
    }
  }
  EXPECT_GT(node_.catalog->backend().stats().reruns, 0U);
  ExpectIntact();
}

TEST_F(AuditLossTest, Weakness7ACutBeforeCommitIsRunAgain) {
  int commits = 0;
  SetSyncPoint("catalog:before_commit", [&] {
    if (++commits == 1) proxy_.CutAll();
  });
  Log(10, 13);
  EXPECT_EQ(commits, 2);
  ExpectWhatWasAcknowledged();
  ExpectIntact();
}

TEST_F(AuditLossTest, Weakness7ACommitWhoseAnswerIsLostIsNotRunAgain) {
  int commits = 0;
  SetSyncPoint("catalog:before_commit", [&] {
    ++commits;
    proxy_.CutBeforeAnswer("COMMIT");
  });
  Log(10, 13);
  EXPECT_EQ(commits, 1);
  EXPECT_TRUE(proxy_.has_cut());
  ExpectWhatWasAcknowledged();
  ExpectIntact();
}

TEST_F(AuditLossTest, Weakness7AfterAnUnknownOutcomeTheSameCallIsRepeated) {
  OpenWith(milliseconds(200));
  SetSyncPoint("catalog:before_commit", [&] {
    proxy_.Refuse(true);
    proxy_.CutBeforeAnswer("COMMIT", TcpProxy::Reach::kAll);  // an idle one could ask what became of it
  });
  EXPECT_EQ(CodeOf(TryLog(10, 13)), ErrorCode::kOutcomeUnknown);
  ClearSyncPoints();
  proxy_.Refuse(false);
  Log(10, 13);
  ExpectWhatWasAcknowledged();
  ExpectIntact();
}

// The server rolls back what it had taken in.
TEST_F(AuditLossTest, Weakness7WhoDiesBetweenInsertAndPublishHasLeftNothing) {
  OpenWith(milliseconds(200));
  SetSyncPoint("Audit::Write inserted", [&] {
    proxy_.Refuse(true);
    proxy_.CutAll();
  });
  EXPECT_EQ(CodeOf(TryLog(10, 13)), ErrorCode::kUnavailable);
  ClearSyncPoints();
  ExpectWhatWasAcknowledged();
  proxy_.Refuse(false);
  Log(10, 13);
  ExpectWhatWasAcknowledged();
  ExpectIntact();
}

TEST_F(AuditLossTest, AGroupWhoseConnectionIsCutIsWrittenOnce) {
  std::latch holds(1);
  std::latch may_end(1);
  std::atomic<int> waiting = 0;
  std::atomic<int> commits = 0;
  SetSyncPoint("LogGroups waits", [&] { ++waiting; });
  SetSyncPoint("catalog:before_commit", [&] {
    const int commit = ++commits;
    if (commit == 1) {
      holds.count_down();
      may_end.wait();
    } else if (commit == 2) {
      proxy_.CutAll();
    }
  });
  std::vector<std::jthread> threads;
  std::atomic<int> succeeded = 0;
  const auto log = [&](uint64_t begin) {
    threads.emplace_back([&, begin] {
      if (node_.Of(kA).Log(Queries(begin, begin + 2))) ++succeeded;
    });
  };
  log(10);
  holds.wait();
  for (uint64_t begin : {20, 30, 40}) log(begin);
  while (waiting < 3) std::this_thread::yield();
  may_end.count_down();
  threads.clear();
  EXPECT_EQ(succeeded, 4);
  EXPECT_EQ(commits, 3) << "of the first, of the group, and of the group again";
  records_ += 8;
  events_ += 4;
  ExpectWhatWasAcknowledged();
  ExpectIntact();
}

// What the server says when its disk is full, at the insert and in COMMIT.
TEST_F(AuditLossTest, AFullDiskLeavesNothingAndIsSaid) {
  ASSERT_EQ(raw_.Exec("CREATE FUNCTION say_full() RETURNS trigger LANGUAGE plpgsql AS"
                      " 'BEGIN RAISE EXCEPTION USING ERRCODE = ''53100''; END'"),
            "");
  uint64_t next = 10;
  for (const std::string table : {"search_audit", "events"}) {
    for (const std::string when : {"IMMEDIATE", "DEFERRED"}) {
      SCOPED_TRACE(table + " " + when);
      ASSERT_EQ(raw_.Exec(fmt::format("CREATE CONSTRAINT TRIGGER full_disk AFTER INSERT ON {} DEFERRABLE"
                                      " INITIALLY {} FOR EACH ROW EXECUTE FUNCTION say_full()",
                                      table, when)),
                "");
      EXPECT_EQ(CodeOf(TryLog(next, next + 3)), ErrorCode::kResourceExhausted);
      ExpectWhatWasAcknowledged();
      ASSERT_EQ(raw_.Exec(fmt::format("DROP TRIGGER full_disk ON {}", table)), "");
      Log(next, next + 3);
      next += 3;
      ExpectWhatWasAcknowledged();
    }
  }
  ExpectIntact();
}

}  // namespace
}  // namespace jammi
