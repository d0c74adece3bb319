// Transactions: commit and roll back, what is refused, how errors are classified, and what a body may
// and may not do.
#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>

#include "catalog/sqlite/test_catalog.h"

namespace jammi::sqlite {
namespace {

class TransactionTest : public CatalogTest {
 protected:
  void SetUp() override {
    CatalogTest::SetUp();
    JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL CHECK (v < 1000))"));
    JAMMI_OK(
        Execute("CREATE TABLE child (k BIGINT PRIMARY KEY, t BIGINT REFERENCES t (k),"
                " later BIGINT REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)"));
  }

  static void ExpectFault(const auto& result, ErrorCode code, BackendFault fault, std::string_view object) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), code) << result.error().ToString();
    const auto* detail = result.error().template As<BackendDetail>();
    ASSERT_NE(detail, nullptr) << result.error().ToString();
    EXPECT_EQ(detail->fault, fault) << result.error().ToString();
    EXPECT_EQ(detail->object, object) << result.error().ToString();
    EXPECT_FALSE(detail->native_code.empty());
  }
};

TEST_F(TransactionTest, SuccessCommits) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES ($1, $2)", {1, 10}));
  EXPECT_EQ(GetInt("SELECT v FROM t WHERE k = 1"), 10);
}

TEST_F(TransactionTest, AnErrorRollsBackAndIsReturnedUnchanged) {
  const auto failed = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    return Error(ErrorCode::kAborted, "changed my mind", TopicExistsDetail{"quakes"});
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kAborted);
  EXPECT_EQ(failed.error().message(), "changed my mind");
  ASSERT_NE(failed.error().As<TopicExistsDetail>(), nullptr);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 0);
}

TEST_F(TransactionTest, AnExceptionRollsBackAndIsInternal) {
  const auto failed = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    throw std::runtime_error("oops");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kInternal);
  EXPECT_NE(failed.error().message().find("oops"), std::string::npos);
  EXPECT_EQ(backend().RunTransaction({}, [](Transaction&) -> Result<void> { throw 7; }).error().code(),
            ErrorCode::kInternal);
  const auto in_row = backend().RunTransaction({.read_only = true}, [](Transaction& tx) {
    return tx.Query("SELECT 1 AS v", {},
                    [](const Row&) -> Result<bool> { throw std::runtime_error("in a row"); });
  });
  EXPECT_EQ(in_row.error().code(), ErrorCode::kInternal);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 0);
}

TEST_F(TransactionTest, ExecuteCountsTheRowsItChanged) {
  EXPECT_EQ(Execute("INSERT INTO t (k, v) VALUES (1, 1), (2, 2), (3, 3)"), 3);
  EXPECT_EQ(Execute("UPDATE t SET v = v + 1 WHERE k > 1"), 2);
  EXPECT_EQ(Execute("UPDATE t SET v = v + 1 WHERE k > 100"), 0);
  EXPECT_EQ(Execute("CREATE TABLE u (k BIGINT)"), 0);
  EXPECT_EQ(Execute("SELECT * FROM t"), 0);
  EXPECT_EQ(Execute("DELETE FROM t WHERE k = 2 RETURNING v"), 1);
}

TEST_F(TransactionTest, PlaceholdersGoByNumber) {
  JAMMI_OK(Execute("INSERT INTO t (v, k) VALUES ($2, $1)", {5, 50}));
  EXPECT_EQ(GetInt("SELECT v FROM t WHERE k = 5"), 50);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t WHERE '$1' = '$' || '1'"), 1);
}

TEST_F(TransactionTest, Wk21ErrorsAreClassifiedAndNameWhatWasViolated) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
  ExpectFault(Execute("INSERT INTO t (k, v) VALUES (1, 11)"), ErrorCode::kAlreadyExists,
              BackendFault::kUnique, "t.k");
  ExpectFault(Execute("INSERT INTO t (k, v) VALUES (2, NULL)"), ErrorCode::kInvalidArgument,
              BackendFault::kCheck, "t.v");
  ExpectFault(Execute("INSERT INTO t (k, v) VALUES (2, 1000)"), ErrorCode::kInvalidArgument,
              BackendFault::kCheck, "v < 1000");
  ExpectFault(Execute("INSERT INTO child (k, t) VALUES (1, 99)"), ErrorCode::kFailedPrecondition,
              BackendFault::kForeignKey, "");
  const auto wrong = Execute("INSERT INTO nowhere (k) VALUES (1)");
  ExpectFault(wrong, ErrorCode::kInternal, BackendFault::kExecution, "");
  EXPECT_NE(wrong.error().message().find("nowhere"), std::string::npos);
}

TEST_F(TransactionTest, ADeferredForeignKeyLeftOpenFailsTheBodyAndNamesTheTable) {
  ExpectFault(Execute("INSERT INTO child (k, later) VALUES (1, 99)"), ErrorCode::kFailedPrecondition,
              BackendFault::kForeignKey, "child");
  JAMMI_OK(backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO child (k, later) VALUES (1, 99)"));
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (99, 1)"));
    return {};
  }));
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM child"), 1);
}

TEST_F(TransactionTest, TextWithNulIsRefused) {
  JAMMI_OK(Execute("CREATE TABLE n (s TEXT)"));
  const auto refused = Execute("INSERT INTO n (s) VALUES ($1)", {std::string_view("a\0b", 3)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("$1"), std::string::npos);
  JAMMI_OK(Execute("INSERT INTO n (s) VALUES ($1)", {std::string_view()}));
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM n WHERE s = ''"), 1);
}

TEST_F(TransactionTest, AWrongNumberOfParametersIsOurBug) {
  EXPECT_EQ(Execute("INSERT INTO t (k, v) VALUES ($1, $2)", {1}).error().code(), ErrorCode::kInternal);
  EXPECT_EQ(Execute("INSERT INTO t (k, v) VALUES (1, 2)", {1}).error().code(), ErrorCode::kInternal);
}

TEST_F(TransactionTest, ABodyMayNotEndItsTransactionOrTouchTheConnection) {
  for (const auto* sql : {"COMMIT", "ROLLBACK", "BEGIN", "SAVEPOINT s", "RELEASE body", "ROLLBACK TO body",
                          "PRAGMA synchronous=OFF", "ATTACH ':memory:' AS other", "DETACH other"}) {
    for (const bool read_only : {false, true}) {
      const auto refused =
          backend().RunTransaction({.read_only = read_only}, [&](Transaction& tx) -> Result<void> {
            JAMMI_TRY(tx.Execute(sql));
            return {};
          });
      ASSERT_FALSE(refused) << sql;
      EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument)
          << sql << ": " << refused.error().ToString();
    }
  }
}

TEST_F(TransactionTest, OneStatementATime) {
  for (const auto* sql : {"", "  ", "-- nothing", "SELECT 1; SELECT 2"}) {
    EXPECT_EQ(Execute(sql).error().code(), ErrorCode::kInvalidArgument) << sql;
  }
  JAMMI_OK(Execute("SELECT 1; -- and a comment"));
}

TEST_F(TransactionTest, AQueryOfTheSameTextInsideItselfIsRefused) {
  const auto refused = backend().RunTransaction({}, [](Transaction& tx) {
    return tx.Query("SELECT 1 AS v", {}, [&](const Row&) -> Result<bool> {
      JAMMI_TRY(tx.Query("SELECT 1 AS v", {}, [](const Row&) -> Result<bool> { return true; }));
      return true;
    });
  });
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidState);
}

TEST_F(TransactionTest, MoreStatementsThanTheCacheHolds) {
  JAMMI_OK(backend().RunTransaction({}, [](Transaction& tx) {
    return tx.Query("SELECT 1 AS v", {}, [&](const Row& row) -> Result<bool> {
      for (int i = 0; i < 600; ++i)
        JAMMI_TRY(tx.Execute(fmt::format("INSERT INTO t (k, v) VALUES ({}, 1)", i)));
      EXPECT_EQ(row.Get<int64_t>("v"), 1);  // the one in use is not dropped
      return true;
    });
  }));
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 600);
}

TEST_F(TransactionTest, Wk34AReadOnlyTransactionCannotWrite) {
  const auto refused = backend().RunTransaction({.read_only = true}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
    return {};
  });
  ExpectFault(refused, ErrorCode::kFailedPrecondition, BackendFault::kReadOnly, "");
  MakeTopic(1);
  const auto append = backend().RunTransaction({.read_only = true}, [](Transaction& tx) -> Result<void> {
    tx.Append(Event(1, "x"));
    return {};
  });
  ASSERT_FALSE(append);
  EXPECT_EQ(append.error().As<BackendDetail>()->fault, BackendFault::kReadOnly);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_F(TransactionTest, AReadOnlyTransactionSeesOneMoment) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
  const auto count = [](Transaction& tx) {
    return tx.QueryFirst("SELECT count(*) AS v FROM t", {},
                         [](const Row& row) { return row.Get<int64_t>("v"); });
  };
  JAMMI_OK(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) -> Result<void> {
    EXPECT_EQ(*count(tx), 1);
    std::thread([this] { JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (2, 2)")); }).join();
    EXPECT_EQ(*count(tx), 1);
    return {};
  }));
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 2);
}

TEST_F(TransactionTest, CallsFromInsideABodyAreInvalidState) {
  MakeTopic(1);
  for (const bool read_only : {false, true}) {
    JAMMI_OK(backend().RunTransaction({.read_only = read_only}, [&](Transaction&) -> Result<void> {
      const auto nothing = [](Transaction&) -> Result<void> { return {}; };
      EXPECT_EQ(backend().RunTransaction({}, nothing).error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(backend().RunTransaction({.read_only = true}, nothing).error().code(),
                ErrorCode::kInvalidState);
      EXPECT_EQ(backend().Migrate().error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(backend().Ping({}).error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(catalog_->Checkpoint().error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(log().Append(Event(1, "x"), {}).error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(log().Read(1, 0, Scope::Global(), {}).error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(log().ReadHead(1).error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(log().FindTime(1, 0).error().code(), ErrorCode::kInvalidState);
      int told = 0;
      log().AppendAsync(Event(1, "x"), {}, [&](const Result<AppendOutcome>& outcome) {
        ++told;
        EXPECT_EQ(outcome.error().code(), ErrorCode::kInvalidState);
      });
      EXPECT_EQ(told, 1);
      catalog_->Close();  // is refused and logged: it would wait for this very body
      return {};
    }));
  }
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_F(TransactionTest, ABodyMayUseAnotherCatalog) {
  SqliteOptions other_options = options_;
  other_options.path = folder_ / "other.db";
  auto other = OpenSqliteCatalog(other_options);
  JAMMI_OK(other);
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
    return (*other)->backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
      // Still inside the first one.
      EXPECT_EQ(backend().Ping({}).error().code(), ErrorCode::kInvalidState);
      return {};
    });
  }));
}

TEST_F(TransactionTest, ACallbackMayNotWaitButMayAppend) {
  MakeTopic(1);
  std::latch appended(1);
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.AfterCommit([&] {
      EXPECT_EQ(backend().Ping({}).error().code(), ErrorCode::kInvalidState);
      EXPECT_EQ(log().Append(Event(1, "x"), {}).error().code(), ErrorCode::kInvalidState);
      log().AppendAsync(Event(1, "y"), {}, [&](const Result<AppendOutcome>& outcome) {
        EXPECT_TRUE(outcome);
        appended.count_down();
      });
    });
    return {};
  }));
  appended.wait();
  EXPECT_EQ(log().ReadHead(1)->next_offset, 1U);
}

TEST_F(TransactionTest, ACallbackThatThrowsStopsNothing) {
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.AfterCommit([] { throw std::runtime_error("oops"); });
    return {};
  }));
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
}

TEST_F(TransactionTest, AfterCommitRunsOnSuccessOnlyAndOncePerCommit) {
  int ran = 0;
  IgnoreError(backend().RunTransaction({},
                                       [&](Transaction& tx) -> Result<void> {
                                         tx.AfterCommit([&] { ++ran; });
                                         return Error(ErrorCode::kAborted, "no");
                                       }),
              "the point of the test");
  EXPECT_EQ(ran, 0);
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.AfterCommit([&] {
      EXPECT_EQ(ran, 0);
      ++ran;
    });
    tx.AfterCommit([&] { ++ran; });
    return {};
  }));
  EXPECT_EQ(ran, 2);
}

TEST_F(TransactionTest, TransactGivesTheValueOfTheRunThatCommitted) {
  const auto value =
      backend().Transact({}, [](Transaction& tx) { return tx.Execute("INSERT INTO t VALUES (1, 1)"); });
  EXPECT_EQ(value, 1);
}

// Reference case 5: read, then write, from many threads: nothing is lost.
TEST_F(TransactionTest, Case5EightThreadsIncrementOneRowAndAfterCommitComesInCommitOrder) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
  std::vector<int64_t> order;  // callbacks are serial: no lock
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 60; ++i) {
        JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
          JAMMI_ASSIGN(const auto v, tx.QueryFirst("SELECT v FROM t WHERE k = 1", {},
                                                   [](const Row& row) { return row.Get<int64_t>("v"); }));
          JAMMI_TRY(tx.Execute("UPDATE t SET v = $1 WHERE k = 1", {*v + 1}));
          tx.AfterCommit([&order, next = *v + 1] { order.push_back(next); });
          return {};
        }));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(GetInt("SELECT v FROM t WHERE k = 1"), 480);
  ASSERT_EQ(order.size(), 480U);
  for (size_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], static_cast<int64_t>(i) + 1);
}

// Reference cases 6 and 7: what a caller gives up on leaves no trace and no damage.
TEST_F(TransactionTest, Case6And7WritersThatGiveUpLeaveNothingBehind) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> committed = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 12; ++t) {
      threads.emplace_back([&, t] {
        TxOptions options;
        if (t % 2 == 0) options.deadline = Deadline::After(std::chrono::microseconds(1 + t * 20));
        const auto outcome = backend().RunTransaction(options, [](Transaction& tx) -> Result<void> {
          JAMMI_TRY(tx.Execute("UPDATE t SET v = v + 1 WHERE k = 1"));
          return {};
        });
        if (outcome) {
          ++committed;
        } else {
          EXPECT_EQ(outcome.error().code(), ErrorCode::kDeadlineExceeded);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_GE(committed, 6);
    EXPECT_EQ(GetInt("SELECT v FROM t WHERE k = 1"), committed.load());
    JAMMI_OK(Execute("UPDATE t SET v = 0 WHERE k = 1"));
  }
}

TEST_F(TransactionTest, StatisticsCountWhatHappened) {
  MakeTopic(1);
  const BackendStats before = backend().stats();
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
  JAMMI_OK(log().Append(Event(1, "x"), {}));
  EXPECT_FALSE(Execute("INSERT INTO t (k, v) VALUES (1, 1)"));
  JAMMI_OK(GetInt("SELECT v FROM t"));
  const BackendStats after = backend().stats();
  EXPECT_EQ(after.transactions - before.transactions, 1U);
  EXPECT_EQ(after.events_appended - before.events_appended, 1U);
  EXPECT_EQ(after.failed - before.failed, 1U);
  EXPECT_EQ(after.read_transactions - before.read_transactions, 1U);
  EXPECT_EQ(after.groups - before.groups, 2U);
  EXPECT_EQ(after.group_work - before.group_work, 2U);
  EXPECT_EQ(after.queue_depth, 0U);
  EXPECT_GT(after.wal_bytes, 0U);
}

}  // namespace
}  // namespace jammi::sqlite
