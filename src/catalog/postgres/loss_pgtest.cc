// Connections and servers that go away: every acknowledged change is there, none twice, and what became of
// a COMMIT is found out wherever it can be.
#include <atomic>
#include <future>
#include <set>
#include <thread>

#include "catalog/postgres/pg_fixture.h"

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

// The body counts up, so a change that happened twice shows. The cut meets whatever message comes when:
// of the pool, the news, or the question what became of a COMMIT.
TEST_F(Loss, ATransactionCutAnywhereHappensOnce) {
  Ok(Execute(*catalog_, "INSERT INTO t (k, v) VALUES (1, 0)"));
  test::RawPostgres raw = Raw();
  int64_t expected = 0;
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    for (int64_t messages = 0; messages < 24; ++messages) {
      proxy_.CutAfter(direction, messages);
      int told = 0;
      const auto done = catalog_->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
        JAMMI_TRY(tx.Execute("UPDATE t SET v = v + 1 WHERE k = 1"));
        tx.Append(Event(1, "x"));
        tx.AfterCommit([&] { ++told; });
        return {};
      });
      ASSERT_TRUE(done) << messages << ": " << done.error().ToString();
      ++expected;
      ASSERT_EQ(told, 1);
      ASSERT_EQ(raw.Number("SELECT v FROM t WHERE k = 1"), expected) << messages;
      ASSERT_EQ(raw.Number("SELECT count(*) FROM events"), expected) << messages;
      ASSERT_EQ(raw.Number("SELECT next_offset FROM topic_heads WHERE topic_no = 1"), expected) << messages;
    }
  }
  EXPECT_GT(catalog_->backend().stats().reruns, 0U);
}

TEST_F(Loss, AnAppendCutAnywhereHappensOnce) {
  test::RawPostgres raw = Raw();
  uint64_t expected = 0;
  for (const Direction direction : {Direction::kToServer, Direction::kToClient}) {
    for (int64_t messages = 0; messages < 24; ++messages) {
      proxy_.CutAfter(direction, messages);
      const auto appended = catalog_->log().Append(Event(1, "x"), {});
      ASSERT_TRUE(appended) << messages << ": " << appended.error().ToString();
      ASSERT_EQ(appended->offset, expected++) << messages;
      ASSERT_EQ(raw.Number("SELECT count(*) FROM events"), static_cast<int64_t>(expected)) << messages;
    }
  }
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
    proxy_.CutBeforeAnswer("COMMIT");
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

// Eight threads write, half of them events, while connections are cut and the server is restarted.
TEST_F(Loss, RestartsUnderLoadLoseAndDoubleNothing) {
  options_.retry_for = std::chrono::seconds(60);
  const auto catalog = Open(server().Url(database_, proxy_.port()));
  std::atomic<bool> stop = false;
  std::atomic<int64_t> written = 0;
  std::mutex mutex;
  std::set<int64_t> rows;      // acknowledged
  std::set<uint64_t> offsets;  // acknowledged
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int64_t j = 0; !stop; ++j) {
        const int64_t k = j * 8 + i;
        if (i % 2 == 0) {
          const auto done = Execute(*catalog, "INSERT INTO t (k, v) VALUES ($1, 0)", {k});
          ASSERT_TRUE(done) << done.error().ToString();  // a second run of a committed one is a duplicate key
          const std::lock_guard lock(mutex);
          rows.insert(k);
        } else {
          const auto done = catalog->log().Append(Event(1, fmt::format("{}", k)), {});
          ASSERT_TRUE(done) << done.error().ToString();
          const std::lock_guard lock(mutex);
          ASSERT_TRUE(offsets.insert(done->offset).second);
        }
        ++written;
      }
    });
  }
  const auto let_write = [&](int64_t more) {
    for (const int64_t until = written + more; written < until;) std::this_thread::yield();
  };
  for (const auto how : {Server::Stop::kFast, Server::Stop::kImmediate}) {
    for (int round = 0; round < 2; ++round) {
      let_write(100);
      proxy_.CutAll();
      let_write(100);
      server().Restart(how);
    }
  }
  let_write(100);
  stop = true;
  threads.clear();
  test::RawPostgres raw = Raw();
  EXPECT_EQ(raw.Number("SELECT count(*) FROM t"), static_cast<int64_t>(rows.size()));
  EXPECT_EQ(raw.Number("SELECT count(*) FROM events"), static_cast<int64_t>(offsets.size()));
  EXPECT_EQ(raw.Number("SELECT next_offset FROM topic_heads WHERE topic_no = 1"),
            static_cast<int64_t>(offsets.size()));
  EXPECT_EQ(*offsets.rbegin(), offsets.size() - 1);
  EXPECT_EQ(raw.Number("SELECT count(*) - count(DISTINCT payload) FROM events"), 0);
}

}  // namespace
}  // namespace jammi::postgres
