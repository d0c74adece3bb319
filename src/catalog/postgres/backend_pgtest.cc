// What is PostgreSQL's own: connecting, the pool, statements, retries, migrations of many processes.
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <latch>
#include <set>
#include <thread>

#include "catalog/postgres/pg_fixture.h"
#include "catalog/postgres/pool.h"
#include "catalog/postgres/url.h"

namespace jammi::postgres {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

BackendDetail DetailOf(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  EXPECT_NE(detail, nullptr) << error.ToString();
  return detail == nullptr ? BackendDetail{} : *detail;
}

class Backend : public PgTest {
 protected:
  static Result<int64_t> GetInt(Catalog& catalog, std::string_view sql) {
    return catalog.backend().Transact({.read_only = true}, [&](Transaction& tx) -> Result<int64_t> {
      JAMMI_ASSIGN(const auto value,
                   tx.QueryFirst(sql, {}, [](const Row& row) { return row.Get<int64_t>("v"); }));
      return *value;
    });
  }
  // What the server says about the only active statement that contains `text`.
  static void AwaitStatement(test::RawPostgres& raw, const std::string& text) {
    const std::string sql = fmt::format(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid() AND query "
        "LIKE '%{}%'",
        text);
    while (raw.Number(sql) == 0) std::this_thread::yield();
  }
};

// --- Opening

TEST_F(Backend, Case4AClosedPortIsUnavailable) {
  test::TcpProxy proxy(server().port());
  proxy.Refuse(true);
  options_.url = Secret(server().Url(database_, 1));
  const auto nobody = OpenPostgresCatalog(options_);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code(), ErrorCode::kUnavailable) << nobody.error().ToString();
  EXPECT_EQ(DetailOf(nobody.error()).fault, BackendFault::kConnection);
  options_.url = Secret(server().Url(database_, proxy.port()));
  const auto closed = OpenPostgresCatalog(options_);
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.error().code(), ErrorCode::kUnavailable) << closed.error().ToString();
}

TEST_F(Backend, AWrongPasswordIsToldAndNotQuoted) {
  options_.url = Secret(server().UrlWithPassword(database_, "hunter2"));
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition) << refused.error().ToString();
  EXPECT_EQ(DetailOf(refused.error()).native_code, "28P01");
  EXPECT_THAT(refused.error().message(), HasSubstr("guarded"));
  EXPECT_THAT(refused.error().message(), Not(HasSubstr("hunter2")));
  options_.url = Secret(server().UrlWithPassword(database_, "open%20sesame"));
  const auto welcome = OpenPostgresCatalog(options_);
  EXPECT_TRUE(welcome) << welcome.error().ToString();
}

TEST_F(Backend, AnAbsentDatabaseIsTold) {
  options_.url = Secret(server().Url("absent"));
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition) << refused.error().ToString();
  EXPECT_EQ(DetailOf(refused.error()).native_code, "3D000");
  EXPECT_THAT(refused.error().message(), HasSubstr("absent"));
}

// Of an error that the server has no state for, as of "could not write init file" on a full disk. Here it is
// one that can be had without: the database's map of files is damaged.
TEST_F(Backend, AServerThatFailsWhileItTakesUsInIsUnavailable) {
  const std::string damaged = server().CreateDatabase();
  test::RawPostgres raw = Raw();
  const std::string folder = raw.Text(fmt::format(
      "SELECT current_setting('data_directory') || '/base/' || oid FROM pg_database WHERE datname = '{}'",
      damaged));
  ASSERT_EQ(raw.Exec(fmt::format("COPY (SELECT repeat('x', 1000)) TO '{}/pg_filenode.map'", folder)), "");
  options_.url = Secret(server().Url(damaged));
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(DetailOf(refused.error()).native_code, "XX000") << refused.error().ToString();
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable) << refused.error().ToString();
  EXPECT_EQ(DetailOf(refused.error()).fault, BackendFault::kConnection);
}

TEST_F(Backend, ADatabaseThatIsNotUtf8IsRefused) {
  const std::string latin = database_ + "_latin1";
  ASSERT_EQ(
      Raw().Exec(fmt::format(
          "CREATE DATABASE {} ENCODING 'LATIN1' LOCALE_PROVIDER libc LOCALE 'C' TEMPLATE template0", latin)),
      "");
  options_.url = Secret(server().Url(latin));
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("LATIN1"));
}

TEST_F(Backend, AnotherApplicationsLedgerIsRefused) {
  ASSERT_EQ(Raw().Exec("CREATE TABLE schema_migrations (version BIGINT)"), "");
  const auto refused = OpenPostgresCatalog(options_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(DetailOf(refused.error()).fault, BackendFault::kMigration) << refused.error().ToString();
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), 1);
}

TEST_F(Backend, OptionsAreChecked) {
  options_.pool_size = 0;
  EXPECT_EQ(OpenPostgresCatalog(options_).error().code(), ErrorCode::kInvalidArgument);
}

// MIG-07, WK-20, acceptance (d): they used to collide on the ledger's own creation.
TEST_F(Backend, Wk20EightProcessesStartOnOneEmptyDatabase) {
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < 8; ++i) {
    children.push_back(fork());
    if (children.back() != 0) continue;
    close(go[1]);
    char byte = 0;
    (void)!read(go[0], &byte, 1);  // they all start when the other end is closed
    const auto opened = OpenPostgresCatalog(options_);
    if (!opened) fmt::print(stderr, "{}\n", opened.error().ToString());
    _exit(opened ? 0 : 1);
  }
  close(go[0]);
  close(go[1]);
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM schema_migrations"),
            Raw().Number("SELECT count(DISTINCT name) FROM schema_migrations"));
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM catalog_identity"), 1);
}

TEST_F(Backend, AMigrationThatFailsLeavesNothingOfItself) {
  ASSERT_EQ(Raw().Exec("CREATE TABLE topic_heads (x BIGINT)"), "");  // in the way of 0002
  EXPECT_FALSE(OpenPostgresCatalog(options_));
  EXPECT_EQ(Raw().Text("SELECT string_agg(name, ' ') FROM schema_migrations"), "0001_identity");
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM pg_tables WHERE tablename = 'topics'"), 0);
  ASSERT_EQ(Raw().Exec("DROP TABLE topic_heads"), "");
  EXPECT_TRUE(OpenPostgresCatalog(options_));
}

TEST_F(Backend, CommitsAreSyncedWhateverTheDatabaseSays) {
  ASSERT_EQ(Raw().Exec(fmt::format("ALTER DATABASE {} SET synchronous_commit = off", database_)), "");
  const std::string_view setting =
      "SELECT CASE current_setting('synchronous_commit') WHEN 'on' THEN 1 ELSE 0 END AS v";
  EXPECT_EQ(GetInt(*Open(), setting).value(), 1);
  options_.durability = Durability::kNormal;
  EXPECT_EQ(GetInt(*Open(), setting).value(), 0);
}

// --- The pool

TEST_F(Backend, AnExhaustedPoolIsToldAtTheDeadline) {
  options_.pool_size = 1;
  const auto catalog = Open();
  std::optional<ErrorCode> code;
  Ok(catalog->backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
    std::thread other([&] {
      const auto waited = catalog->backend().RunTransaction({.deadline = Deadline::After(milliseconds(20))},
                                                            [](Transaction&) { return Result<void>(); });
      code = waited ? ErrorCode::kInternal : waited.error().code();
    });
    other.join();
    return {};
  }));
  EXPECT_EQ(code, ErrorCode::kDeadlineExceeded);
}

// A lease is renewed while long bodies have all connections.
TEST_F(Backend, AnUrgentTransactionDoesNotWaitForThePool) {
  options_.pool_size = 1;
  const auto catalog = Open();
  Result<void> renewed;
  Ok(catalog->backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
    std::thread([&] {
      renewed = catalog->backend().RunTransaction(
          {.lane = Lane::kUrgent, .deadline = Deadline::After(std::chrono::seconds(30))},
          [](Transaction&) { return Result<void>(); });
    }).join();
    return {};
  }));
  EXPECT_TRUE(renewed) << renewed.error().ToString();
}

TEST_F(Backend, PingDoesNotWaitForThePool) {
  options_.pool_size = 1;
  const auto catalog = Open();
  Result<void> pinged;
  Ok(catalog->backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
    std::thread([&] { pinged = catalog->backend().Ping(Deadline::After(std::chrono::seconds(30))); }).join();
    return {};
  }));
  EXPECT_TRUE(pinged);
}

TEST_F(Backend, PingEndsAtItsDeadlineAndComesBack) {
  test::TcpProxy proxy(server().port());
  const auto catalog = Open(server().Url(database_, proxy.port()));
  proxy.Stall(true);
  const auto stalled = catalog->backend().Ping(Deadline::After(milliseconds(30)));
  ASSERT_FALSE(stalled);
  EXPECT_EQ(stalled.error().code(), ErrorCode::kDeadlineExceeded);
  proxy.Stall(false);
  const auto back = catalog->backend().Ping(Deadline::After(std::chrono::seconds(30)));
  EXPECT_TRUE(back) << back.error().ToString();
}

class PoolTest : public PgTest {
 protected:
  Pool::OpenFn Opener() {
    return [this](Deadline deadline) { return Connection::Open(connection_options_, deadline); };
  }

 private:
  const ConnectionOptions connection_options_{Ok(ParseUrl(options_.url))};
};

TEST_F(PoolTest, AConnectionIsUsedAgainUntilItIsTooOld) {
  Pool young({.size = 1}, Opener());
  const int first = Ok(young.Acquire({}))->pid();
  EXPECT_EQ(Ok(young.Acquire({}))->pid(), first);
  Pool old({.size = 1, .max_lifetime = std::chrono::nanoseconds(1)}, Opener());
  const int before = Ok(old.Acquire({}))->pid();
  EXPECT_NE(Ok(old.Acquire({}))->pid(), before);
}

TEST_F(PoolTest, AConnectionThatTheServerClosedIsNotGivenOut) {
  Pool pool({.size = 1}, Opener());
  const int first = Ok(pool.Acquire({}))->pid();
  test::RawPostgres raw = Raw();
  ASSERT_EQ(raw.Exec(fmt::format("SELECT pg_terminate_backend({})", first)), "");
  while (raw.Number(fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {}", first)) > 0) {
    std::this_thread::yield();
  }
  auto lease = Ok(pool.Acquire({}));
  EXPECT_NE(lease->pid(), first);
  EXPECT_TRUE(lease->RunOne("SELECT 1"));
}

TEST_F(PoolTest, WhoWaitsIsServedInOrder) {
  Pool pool({.size = 1}, Opener());
  std::vector<int> order;  // guarded by the lease
  std::vector<std::jthread> threads;
  {
    const auto lease = Ok(pool.Acquire({}));
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const auto mine = Ok(pool.Acquire({}));
        order.push_back(i);
      });
      while (pool.waiting() != static_cast<size_t>(i) + 1) std::this_thread::yield();
    }
  }
  threads.clear();
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 2, 3));
}

// Two urgent ones hold the place of all and the one of their own; then they go.
TEST_F(PoolTest, WhoIsUrgentGoesBeforeWhoWaits) {
  Pool pool({.size = 1}, Opener());
  std::vector<Lane> order;  // guarded by the lease: only one is left to give when the threads run
  std::vector<std::jthread> threads;
  {
    const auto own = std::make_unique<Pool::Lease>(Ok(pool.Acquire({}, Lane::kUrgent)));
    auto last = std::make_unique<Pool::Lease>(Ok(pool.Acquire({}, Lane::kUrgent)));
    size_t waiting = 0;
    for (const Lane lane : {Lane::kNormal, Lane::kUrgent, Lane::kUrgent}) {
      threads.emplace_back([&, lane] {
        const auto mine = Ok(pool.Acquire({}, lane));
        order.push_back(lane);
      });
      ++waiting;
      while (pool.waiting() != waiting) std::this_thread::yield();
    }
    last.reset();
    while (pool.waiting() != 1) std::this_thread::yield();  // the normal one may not have the extra place
  }
  threads.clear();
  EXPECT_THAT(order, testing::ElementsAre(Lane::kUrgent, Lane::kUrgent, Lane::kNormal));
}

TEST_F(PoolTest, TooManyStatementsAreForgotten) {
  Pool pool({.size = 1}, Opener());
  for (int round = 0; round < 2; ++round) {
    const auto lease = Ok(pool.Acquire({}));
    for (int i = 0; i < 600; ++i) Ok(lease->RunOne(fmt::format("SELECT {}", i)));
  }
  const auto lease = Ok(pool.Acquire({}));
  EXPECT_EQ(Ok(lease->RunOne("SELECT count(*) FROM pg_prepared_statements")).Int(0, 0), 1);
}

// --- Statements

// Of what `work` does, on one connection. The news connection asks too, once behind an event: on a loaded
// machine that fell into the next run, each time, and was counted with it.
int64_t RoundTrips(const test::TcpProxy& proxy, const std::function<void()>& work) {
  int64_t least = 100;
  for (int i = 0; i < 8; ++i) {
    auto before = proxy.round_trips_by_connection();
    work();
    const auto after = proxy.round_trips_by_connection();
    before.resize(after.size());
    int64_t most = 0;
    for (size_t each = 0; each < after.size(); ++each) most = std::max(most, after[each] - before[each]);
    least = std::min(least, most);
  }
  return least;
}

TEST_F(Backend, AWriteTransactionOfOneStatementTakesTwoRoundTrips) {
  test::TcpProxy proxy(server().port());
  const auto catalog = Open(server().Url(database_, proxy.port()));
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT)"));
  EXPECT_EQ(RoundTrips(proxy, [&] { Ok(Execute(*catalog, "INSERT INTO t (k) VALUES (1)")); }), 2);
}

TEST_F(Backend, PublishingTakesTwoRoundTripsAndThreeBehindAStatement) {
  test::TcpProxy proxy(server().port());
  const auto catalog = Open(server().Url(database_, proxy.port()));
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT)"));
  MakeTopic(*catalog, 1);
  const auto publish = [&](bool and_insert) {
    Ok(catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      if (and_insert) JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (1)"));
      tx.Append(Event(1, "x"));
      return {};
    }));
  };
  EXPECT_EQ(RoundTrips(proxy, [&] { Ok(catalog->log().Append(Event(1, "x"), {})); }), 2);
  EXPECT_EQ(RoundTrips(proxy, [&] { publish(false); }), 2);
  EXPECT_EQ(RoundTrips(proxy, [&] { publish(true); }), 3);
}

TEST_F(Backend, AReadTakesOneRoundTrip) {
  test::TcpProxy proxy(server().port());
  const auto catalog = Open(server().Url(database_, proxy.port()));
  MakeTopic(*catalog, 1);
  EXPECT_EQ(RoundTrips(proxy, [&] { Ok(catalog->log().ReadHead(1)); }), 1);
}

// Its end goes with it. The news connection asks now and then.
TEST_F(Backend, TheEndOfAReadIsNoRoundTripOfItsOwn) {
  constexpr int64_t kReads = 100;
  test::TcpProxy proxy(server().port());
  const auto catalog = Open(server().Url(database_, proxy.port()));
  MakeTopic(*catalog, 1);
  const int64_t before = proxy.round_trips();
  for (int64_t i = 0; i < kReads; ++i) Ok(catalog->log().ReadHead(1));
  EXPECT_LT(proxy.round_trips() - before, 3 * kReads / 2);
}

TEST_F(Backend, ACancelledStatementLeavesACleanConnection) {
  options_.pool_size = 1;
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  std::thread canceller([this] {
    test::RawPostgres raw = Raw();
    AwaitStatement(raw, "pg_sleep");
    raw.Exec(
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND pid <> "
        "pg_backend_pid()");
  });
  const auto cancelled = catalog->backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (1)"));
    JAMMI_TRY(tx.Execute("SELECT pg_sleep(600)"));
    return {};
  });
  canceller.join();
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code(), ErrorCode::kCancelled) << cancelled.error().ToString();
  Ok(Execute(*catalog, "INSERT INTO t (k) VALUES (2)"));
  EXPECT_EQ(GetInt(*catalog, "SELECT CAST(sum(k) AS BIGINT) AS v FROM t").value(), 2);
}

// The server has rolled back by then; a success would be a lie.
TEST_F(Backend, ABodyThatSwallowsAnErrorDoesNotCommit) {
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  const auto lied = catalog->backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (1)"));
    EXPECT_FALSE(tx.Execute("INSERT INTO t (k) VALUES (1)"));
    const auto later = tx.Execute("INSERT INTO t (k) VALUES (2)");
    EXPECT_EQ(later.error().code(), ErrorCode::kAlreadyExists);
    return {};
  });
  ASSERT_FALSE(lied);
  EXPECT_EQ(lied.error().code(), ErrorCode::kAlreadyExists);
  EXPECT_EQ(GetInt(*catalog, "SELECT count(*) AS v FROM t").value(), 0);
}

TEST_F(Backend, ATypeThatARowCannotGiveIsNamed) {
  const auto catalog = Open();
  const auto refused = GetInt(*catalog, "SELECT 1.5 AS v");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInternal);
  EXPECT_THAT(refused.error().message(), HasSubstr("column v"));
}

// A prepared statement whose result changes its columns fails until it is prepared again.
TEST_F(Backend, AnAlteredTableUnderAPreparedStatementIsNoError) {
  options_.pool_size = 1;
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (v BIGINT)"));
  Ok(Execute(*catalog, "INSERT INTO t VALUES (7)"));
  EXPECT_EQ(GetInt(*catalog, "SELECT * FROM t").value(), 7);
  ASSERT_EQ(Raw().Exec("ALTER TABLE t ADD COLUMN w BIGINT"), "");
  EXPECT_EQ(GetInt(*catalog, "SELECT * FROM t").value(), 7);
}

TEST_F(Backend, ErrorsDoNotQuoteTheRow) {
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k TEXT PRIMARY KEY)"));
  Ok(Execute(*catalog, "INSERT INTO t (k) VALUES ('hunter2')"));
  const auto refused = Execute(*catalog, "INSERT INTO t (k) VALUES ('hunter2')");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().ToString(), Not(HasSubstr("hunter2")));
  EXPECT_EQ(DetailOf(refused.error()).object, "t_pkey on t");
  EXPECT_EQ(DetailOf(refused.error()).native_code, "23505");
}

// --- Marks of commits

TEST_F(Backend, MarksTakeOneRowPerConnectionAndGoWithIt) {
  options_.pool_size = 1;
  auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  for (int k = 0; k < 200; ++k) Ok(Execute(*catalog, "INSERT INTO t (k) VALUES ($1)", {k}));
  EXPECT_EQ(Raw().Number("SELECT count(*) FROM commit_marks"), 1);
  EXPECT_GT(Raw().Number("SELECT number FROM commit_marks"), 200);
  catalog.reset();
  // The last statement of a connection is sent, and nobody waits for its answer.
  test::RawPostgres raw = Raw();
  const Deadline soon = Deadline::After(std::chrono::seconds(30));
  while (raw.Number("SELECT count(*) FROM commit_marks") != 0) {
    ASSERT_FALSE(soon.Passed());
    std::this_thread::yield();
  }
}

TEST_F(Backend, WhatChangesNothingLeavesNoMark) {
  options_.pool_size = 1;
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  const std::string sum = "SELECT sum(number) FROM commit_marks";
  const int64_t before = Raw().Number(sum);
  Ok(Execute(*catalog, "SELECT 1"));
  Ok(Execute(*catalog, "DELETE FROM t"));
  EXPECT_EQ(Raw().Number(sum), before);
  Ok(Execute(*catalog, "INSERT INTO t VALUES (1)"));
  EXPECT_EQ(Raw().Number(sum), before + 3);
}

TEST_F(Backend, MarksThatNobodyAsksForAreSwept) {
  (void)Open();
  ASSERT_EQ(Raw().Exec("INSERT INTO commit_marks VALUES ('old', 1, now() - INTERVAL '25 hours'),"
                       " ('young', 1, now() - INTERVAL '23 hours')"),
            "");
  (void)Open();
  EXPECT_EQ(Raw().Text("SELECT string_agg(slot, ' ') FROM commit_marks"), "young");
}

// --- Retries

// Acceptance (i).
TEST_F(Backend, Wk21InjectedConflictsAreRunAgain) {
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  for (const char* state : {"40001", "40P01", "57P01"}) {
    int runs = 0;
    int committed = 0;
    const auto done = catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("INSERT INTO t (k) SELECT count(*) FROM t"));
      tx.AfterCommit([&] { ++committed; });
      if (++runs < 4)
        JAMMI_TRY(tx.Execute(fmt::format("DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''{}''; END'", state)));
      return {};
    });
    EXPECT_TRUE(done) << done.error().ToString();
    EXPECT_EQ(runs, 4);
    EXPECT_EQ(committed, 1);
  }
  EXPECT_EQ(GetInt(*catalog, "SELECT count(*) AS v FROM t").value(), 3);
  EXPECT_EQ(catalog->backend().stats().reruns, 9U);
}

TEST_F(Backend, Wk21ConflictsWithoutEndAreAbortedAtTheDeadline) {
  options_.retry_for = milliseconds(100);
  const auto catalog = Open();
  const auto failed = catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''40001''; END'"));
    return {};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kAborted);
  EXPECT_EQ(DetailOf(failed.error()).fault, BackendFault::kSerialization);
}

TEST_F(Backend, Wk21ADeadlockIsResolvedAndBothCommit) {
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT)"));
  Ok(Execute(*catalog, "INSERT INTO t VALUES (1, 0), (2, 0)"));
  std::latch both(2);
  const auto update = [&](int first, int second) {
    bool met = false;
    Ok(catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("UPDATE t SET v = v + 1 WHERE k = $1", {first}));
      if (!std::exchange(met, true)) both.arrive_and_wait();
      JAMMI_TRY(tx.Execute("UPDATE t SET v = v + 1 WHERE k = $1", {second}));
      return {};
    }));
  };
  std::thread other([&] { update(1, 2); });
  update(2, 1);
  other.join();
  EXPECT_EQ(GetInt(*catalog, "SELECT CAST(sum(v) AS BIGINT) AS v FROM t").value(), 4);
  EXPECT_GE(catalog->backend().stats().reruns, 1U);
}

TEST_F(Backend, AConnectionLostInABodyRunsItAgain) {
  const auto catalog = Open();
  Ok(Execute(*catalog, "CREATE TABLE t (k BIGINT PRIMARY KEY)"));
  int runs = 0;
  Ok(catalog->backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (1)"));
    JAMMI_ASSIGN(const auto pid, tx.QueryFirst("SELECT pg_backend_pid() AS pid", {},
                                               [](const Row& row) { return row.Get<int64_t>("pid"); }));
    if (++runs == 1) Raw().Exec(fmt::format("SELECT pg_terminate_backend({})", *pid));
    JAMMI_TRY(tx.Execute("INSERT INTO t (k) VALUES (2)"));
    return {};
  }));
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(GetInt(*catalog, "SELECT count(*) AS v FROM t").value(), 2);
}

}  // namespace
}  // namespace jammi::postgres
