// Connections and servers that go away: every acknowledged change is there, none twice, and what became of
// a COMMIT is found out wherever it can be.
#include <atomic>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "catalog/postgres/pg_fixture.h"
#include "support/random.h"

namespace jammi::postgres {
namespace {

using std::chrono::milliseconds;
using Direction = test::TcpProxy::Direction;

class Loss : public PgTest {
 protected:
  Loss() {
    catalog_ = Open(server().Url(database_, proxy_.port()));
    Ok(Execute(*catalog_, "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"));
    MakeTopic(*catalog_, 1);
  }

  test::TcpProxy proxy_{server().port()};
  std::unique_ptr<Catalog> catalog_;
};

// Each message of a fresh connection in turn, in both directions, from its first on: making it, BEGIN, the
// statements, COMMIT and its answer. (The news connection's messages count too, so a point may be met twice.)
class CutEverywhere : public Loss, public testing::WithParamInterface<Direction> {
 protected:
  // Calls `work` with the connection cut after 0, 1, 2, ... messages, until it is through before the cut.
  void ForEachCut(const std::function<void()>& work) {
    constexpr int64_t kMoreThanAll = 120;
    for (int64_t messages = 0; messages < kMoreThanAll; ++messages) {
      SCOPED_TRACE(messages);
      proxy_.CutAll();
      proxy_.CutAfter(GetParam(), messages);
      work();
      if (HasFatalFailure()) return;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Direction, CutEverywhere,
                         testing::Values(Direction::kToServer, Direction::kToClient));

// The body counts up, so a change that happened twice shows.
TEST_P(CutEverywhere, ATransactionHappensOnce) {
  Ok(Execute(*catalog_, "INSERT INTO t (k, v) VALUES (1, 0)"));
  test::RawPostgres raw = Raw();
  int64_t expected = 0;
  ForEachCut([&] {
    int told = 0;
    const auto done = catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("UPDATE t SET v = v + 1 WHERE k = 1"));
      tx.Append(Event(1, "x"));
      tx.AfterCommit([&] { ++told; });
      return {};
    });
    ASSERT_TRUE(done) << done.error().ToString();
    ++expected;
    ASSERT_EQ(told, 1);
    ASSERT_EQ(raw.Number("SELECT v FROM t WHERE k = 1"), expected);
    ASSERT_EQ(raw.Number("SELECT count(*) FROM events"), expected);
    ASSERT_EQ(raw.Number("SELECT next_offset FROM topic_heads WHERE topic_no = 1"), expected);
  });
  EXPECT_GT(catalog_->backend().stats().reruns, 0U);
}

TEST_P(CutEverywhere, ATransactionWithoutEventsHappensOnce) {
  Ok(Execute(*catalog_, "INSERT INTO t (k, v) VALUES (1, 0)"));
  test::RawPostgres raw = Raw();
  int64_t expected = 0;
  ForEachCut([&] {
    const auto done = Execute(*catalog_, "UPDATE t SET v = v + 1 WHERE k = 1");
    ASSERT_TRUE(done) << done.error().ToString();
    ASSERT_EQ(raw.Number("SELECT v FROM t WHERE k = 1"), ++expected);
  });
}

TEST_P(CutEverywhere, AnAppendHappensOnce) {
  test::RawPostgres raw = Raw();
  uint64_t expected = 0;
  ForEachCut([&] {
    const auto appended = catalog_->log().Append(Event(1, "x"), {});
    ASSERT_TRUE(appended) << appended.error().ToString();
    ASSERT_EQ(appended->offset, expected++);
    ASSERT_EQ(raw.Number("SELECT count(*) FROM events"), static_cast<int64_t>(expected));
  });
}

// The answer to COMMIT is lost: the transaction's number tells that it happened, and it is not run again.
TEST_F(Loss, ACommitWhoseAnswerIsLostIsFoundToHaveHappened) {
  int runs = 0;
  SetSyncPoint("catalog:before_commit", [&] { proxy_.CutBeforeAnswer("COMMIT"); });
  bool asked = false;
  SetSyncPoint("catalog:commit_lost", [&] { asked = true; });
  const auto done = catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    ++runs;
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
    return {};
  });
  ClearSyncPoints();
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_TRUE(proxy_.has_cut());
  EXPECT_TRUE(asked);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM t"), 1);
}

// COMMIT never arrives: the transaction is found to be in progress or rolled back, and runs again.
TEST_F(Loss, ACommitThatNeverArrivedIsRunAgain) {
  int runs = 0;
  SetSyncPoint("catalog:before_commit", [&] {
    if (runs == 1) proxy_.CutAll();
  });
  const auto done = catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    ++runs;
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
    return {};
  });
  ASSERT_TRUE(done) << done.error().ToString();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM t"), 1);
}

TEST_F(Loss, AnOutcomeThatNobodyCanTellIsUnknown) {
  options_.retry_for = milliseconds(200);
  const auto catalog = Open(server().Url(database_, proxy_.port()));
  SetSyncPoint("catalog:before_commit", [&] {
    proxy_.Refuse(true);
    proxy_.CutBeforeAnswer("COMMIT", test::TcpProxy::Reach::kAll);  // an idle one could ask what became of it
  });
  bool told = false;
  const auto unknown = catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
    tx.AfterCommit([&] { told = true; });
    return {};
  });
  ClearSyncPoints();
  proxy_.Refuse(false);
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kOutcomeUnknown) << unknown.error().ToString();
  EXPECT_FALSE(told);
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM t"), 1);
  Ok(Execute(*catalog, "INSERT INTO t (k, v) VALUES (2, 1)"));  // and it goes on
}

TEST_F(Loss, AServerThatIsGoneIsUnavailableAfterAWhile) {
  options_.retry_for = milliseconds(100);
  const auto catalog = Open(server().Url(database_, proxy_.port()));
  proxy_.Refuse(true);
  proxy_.CutAll();
  EXPECT_EQ(Execute(*catalog, "INSERT INTO t (k, v) VALUES (1, 1)").error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(catalog->log().Append(Event(1, "x"), {}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(catalog->log().ReadHead(1).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(catalog->backend().Ping(Deadline::After(std::chrono::seconds(30))).error().code(),
            ErrorCode::kUnavailable);
  proxy_.Refuse(false);
  EXPECT_TRUE(Execute(*catalog, "INSERT INTO t (k, v) VALUES (1, 1)"));
  EXPECT_TRUE(catalog->log().Append(Event(1, "x"), {}));
}

// A crashed server gives numbers of transactions again that had not reached its disk: after two crashes a
// lost transaction's number was that of another, which had committed, and the loss was reported as success.
TEST_F(Loss, ATransactionWhoseNumberWasGivenAgainIsNotTakenForTheOther) {
  Ok(Execute(*catalog_, "CREATE TABLE other (k BIGINT)"));
  int runs = 0;
  SetSyncPoint("catalog:before_commit", [&] {
    if (runs > 1) return;
    server().Restart(Server::Stop::kImmediate);
    test::RawPostgres others = Raw();
    for (int i = 0; i < 100; ++i) ASSERT_EQ(others.Exec("INSERT INTO other VALUES (0)"), "");
    server().Restart(Server::Stop::kImmediate);
  });
  Ok(catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    ++runs;
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES ($1, 0)", {runs}));
    return {};
  }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Raw().Number("SELECT k FROM t"), 2);
}

// Eight threads write, half of them events, while connections are cut at random points and the server is
// restarted, in order and as in a crash.
class Restarts : public Loss {
 protected:
  Restarts() {
    options_.retry_for = std::chrono::seconds(60);
    under_load_ = Open(server().Url(database_, proxy_.port()));
  }

  void Start() {
    for (int i = 0; i < 8; ++i) {
      threads_.emplace_back([this, i] {
        for (int64_t k = i; !stop_; k += 8) i % 2 == 0 ? Insert(k) : Append(k);
      });
    }
  }
  // A second run of what was committed would be a duplicate key.
  void Insert(int64_t k) {
    const auto done = Execute(*under_load_, "INSERT INTO t (k, v) VALUES ($1, 0)", {k});
    EXPECT_TRUE(done) << done.error().ToString();
    const std::lock_guard lock(mutex_);
    if (done) rows_.insert(k);
    ++written_;
  }
  void Append(int64_t k) {
    const auto done = under_load_->log().Append(Event(1, fmt::format("{}", k)), {});
    EXPECT_TRUE(done) << done.error().ToString();
    const std::lock_guard lock(mutex_);
    if (done) {
      EXPECT_TRUE(offsets_.insert(done->offset).second);
    }
    ++written_;
  }
  void LetWrite(int64_t more) const {
    for (const int64_t until = written_ + more; written_ < until;) std::this_thread::yield();
  }
  // Every acknowledged change is there, none twice, and no other.
  void Judge() {
    stop_ = true;
    threads_.clear();
    test::RawPostgres raw = Raw();
    const auto events = static_cast<int64_t>(offsets_.size());
    EXPECT_EQ(raw.Number("SELECT count(*) FROM t"), static_cast<int64_t>(rows_.size()));
    EXPECT_EQ(raw.Number("SELECT count(*) FROM events"), events);
    EXPECT_EQ(raw.Number("SELECT next_offset FROM topic_heads WHERE topic_no = 1"), events);
    EXPECT_EQ(*offsets_.rbegin(), offsets_.size() - 1);
    EXPECT_EQ(raw.Number("SELECT count(*) - count(DISTINCT payload) FROM events"), 0);
  }

  std::unique_ptr<Catalog> under_load_;
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> written_ = 0;
  std::mutex mutex_;
  std::set<int64_t> rows_;      // acknowledged
  std::set<uint64_t> offsets_;  // acknowledged
  std::vector<std::jthread> threads_;
};

TEST_F(Restarts, UnderLoadLoseAndDoubleNothing) {
  Start();
  for (const auto how : {Server::Stop::kFast, Server::Stop::kImmediate}) {
    for (int round = 0; round < 2; ++round) {
      LetWrite(100);
      proxy_.CutAll();
      LetWrite(100);
      server().Restart(how);
    }
  }
  LetWrite(100);
  Judge();
}

TEST_F(Restarts, AndRandomCutsLoseAndDoubleNothing) {
  const uint64_t seed = test::FromEnvironment("JAMMI_CUT_SEED", std::random_device{}());
  SCOPED_TRACE(test::Replay("JAMMI_CUT_SEED", seed));
  test::Random random(seed);
  Start();
  for (int cut = 0; cut < 60; ++cut) {
    LetWrite(5);
    proxy_.CutAfter(random.Percent(50) ? Direction::kToServer : Direction::kToClient,
                    static_cast<int64_t>(random.Below(100)));
    if (cut % 20 == 19) {
      server().Restart(random.Percent(50) ? Server::Stop::kFast : Server::Stop::kImmediate);
      server().Restart(Server::Stop::kImmediate);
    }
  }
  LetWrite(100);
  Judge();
}

}  // namespace
}  // namespace jammi::postgres
