#include "catalog/conformance.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <numeric>
#include <set>
#include <thread>

#include "catalog/topic_repo.h"
#include "jammi/models.h"

namespace jammi::conformance {
namespace {

JAMMI_ON_EVERY_DATABASE(Conformance);

BackendFault FaultOf(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  EXPECT_NE(detail, nullptr) << error.ToString();
  return detail == nullptr ? BackendFault::kExecution : detail->fault;
}

// --- Transactions

TEST_P(Conformance, SuccessCommits) {
  const auto changed = Execute("INSERT INTO t (k, v) VALUES ($1, $2), ($3, $2)", {1, 10, 2});
  JAMMI_OK(changed);
  EXPECT_EQ(*changed, 2);
  EXPECT_EQ(GetInt("SELECT CAST(sum(v) AS BIGINT) AS v FROM t").value(), 20);
  EXPECT_EQ(Execute("UPDATE t SET v = 11 WHERE k = 1").value(), 1);
  EXPECT_EQ(Execute("DELETE FROM t WHERE k = 7").value(), 0);
}

TEST_P(Conformance, AnErrorOfTheBodyRollsBackAndIsReturnedUnchanged) {
  const auto failed = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    return Error(ErrorCode::kAborted, "changed my mind", TopicExistsDetail{"quakes"});
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kAborted);
  EXPECT_EQ(failed.error().message(), "changed my mind");
  ASSERT_NE(failed.error().As<TopicExistsDetail>(), nullptr);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t").value(), 0);
}

TEST_P(Conformance, ABodyThatThrowsIsInternalAndRollsBack) {
  const auto failed = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    throw std::runtime_error("boom");
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kInternal);
  EXPECT_NE(failed.error().message().find("boom"), std::string::npos);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t").value(), 0);
}

TEST_P(Conformance, ReadOnlyRefusesAWrite) {
  const auto failed = backend().RunTransaction({.read_only = true}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    return {};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), ErrorCode::kFailedPrecondition) << failed.error().ToString();
  EXPECT_EQ(FaultOf(failed.error()), BackendFault::kReadOnly);
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
}

TEST_P(Conformance, AReadOfOneStatementSeesItAndRefusesASecond) {
  const TxOptions once{.read_only = true, .single_statement = true};
  const auto ask = [](Transaction& tx) {
    return tx.QueryFirst("SELECT 7 AS v", {}, [](const Row& row) { return row.Get<int64_t>("v"); });
  };
  EXPECT_EQ(backend().Transact(once, ask), 7);
  const auto twice = backend().Transact(once, [&](Transaction& tx) -> Result<std::optional<int64_t>> {
    JAMMI_TRY(ask(tx));
    return ask(tx);
  });
  EXPECT_EQ(twice.error().code(), ErrorCode::kInternal);
  const auto write =
      backend().Transact(once, [&](Transaction& tx) { return tx.Execute("DELETE FROM models"); });
  ASSERT_FALSE(write);
  EXPECT_EQ(FaultOf(write.error()), BackendFault::kReadOnly);
  // What comes next on the same connection is as ever.
  EXPECT_EQ(backend().Transact({.read_only = true}, ask), 7);
}

TEST_P(Conformance, ReadOnlyRefusesAnEvent) {
  MakeTopic(1);
  const auto failed = backend().RunTransaction({.read_only = true}, [](Transaction& tx) -> Result<void> {
    tx.Append(Event(1, "x"));
    return {};
  });
  ASSERT_FALSE(failed);
  EXPECT_EQ(FaultOf(failed.error()), BackendFault::kReadOnly);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_P(Conformance, IsolationLevelsAreAccepted) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
  for (const auto level :
       {IsolationLevel::kReadCommitted, IsolationLevel::kRepeatableRead, IsolationLevel::kSerializable}) {
    for (const bool read_only : {true, false}) {
      JAMMI_OK(backend().RunTransaction({.isolation = level, .read_only = read_only}, [&](Transaction& tx) {
        if (read_only)
          return tx.Query("SELECT v FROM t", {}, [](const Row&) -> Result<bool> { return true; });
        auto changed = tx.Execute("UPDATE t SET v = v + 1");
        return changed ? Result<void>() : Result<void>(changed.error());
      }));
    }
  }
  EXPECT_EQ(GetInt("SELECT v FROM t").value(), 3);
}

// --- Rows in bulk

constexpr RowInsert::Column kRowColumns[] = {
    {"k", SqlKind::kInteger}, {"r", SqlKind::kReal}, {"x", SqlKind::kText}, {"b", SqlKind::kBytes}};
constexpr std::string_view kRowKey[] = {"k"};

class BulkRows : public Conformance {
 protected:
  void SetUp() override {
    Conformance::SetUp();
    const bool sqlite = backend().kind() == BackendKind::kSqlite;
    JAMMI_OK(Execute(fmt::format("CREATE TABLE rows (k BIGINT PRIMARY KEY, r {}, x TEXT, b {})",
                                 sqlite ? "REAL" : "DOUBLE PRECISION", sqlite ? "BLOB" : "BYTEA")));
  }

  // Rows with the given keys; every third value is null, and each says which row of the call it is.
  Result<int64_t> Insert(const std::vector<int64_t>& keys, OnConflict on_conflict = OnConflict::kFail,
                         int64_t fails_at = -1) {
    std::string text;
    const auto fill = [&](int64_t row, std::span<SqlValue> values) -> Result<void> {
      if (row == fails_at) return Error(ErrorCode::kAborted, "no more rows");
      text = fmt::format("row {}", row);
      const SqlBytes bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
      values[0] = keys[static_cast<size_t>(row)];
      values[1] = row % 3 == 0 ? SqlValue(std::nullopt) : SqlValue(0.5 + static_cast<double>(row));
      values[2] = row % 3 == 1 ? SqlValue(std::nullopt) : SqlValue(text);
      values[3] = row % 3 == 2 ? SqlValue(std::nullopt) : SqlValue(bytes);
      return {};
    };
    return backend().Transact({}, [&](Transaction& tx) {
      return tx.InsertRows({.table = "rows",
                            .columns = kRowColumns,
                            .rows = std::ssize(keys),
                            .on_conflict = on_conflict,
                            .key = kRowKey},
                           fill);
    });
  }

  static std::vector<int64_t> Keys(int64_t count) {
    std::vector<int64_t> keys(static_cast<size_t>(count));
    std::iota(keys.begin(), keys.end(), 0);
    return keys;
  }
  int64_t Count() { return GetInt("SELECT count(*) AS v FROM rows").value(); }
  bool HasText(int64_t key, const std::string& text) {
    return test::GetInt(backend(), "SELECT count(*) AS v FROM rows WHERE k = $1 AND x = $2", {key, text})
               .value() == 1;
  }
};
JAMMI_ON_EVERY_DATABASE(BulkRows);

TEST_P(BulkRows, FewAndManyAreReadAsTheyWereWritten) {
  for (const int64_t count : {0, 1, 511, 512, 20'000}) {
    JAMMI_OK(Execute("DELETE FROM rows"));
    EXPECT_EQ(Insert(Keys(count)).value(), count);
    int64_t row = 0;
    JAMMI_OK(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
      return tx.Query("SELECT k, r, x, b FROM rows ORDER BY k", {}, [&](const Row& got) -> Result<bool> {
        const std::string text = fmt::format("row {}", row);
        EXPECT_EQ(std::get<int64_t>(got.At(0)), row);
        for (size_t i = 0; i < 3; ++i) {
          const bool null = row % 3 == static_cast<int64_t>(i);
          EXPECT_EQ(std::holds_alternative<std::monostate>(got.At(i + 1)), null) << row << " " << i;
        }
        if (row % 3 != 0) {
          EXPECT_EQ(std::get<double>(got.At(1)), 0.5 + static_cast<double>(row));
        }
        if (row % 3 != 1) {
          EXPECT_EQ(std::get<std::string_view>(got.At(2)), text);
        }
        if (row % 3 != 2) {
          EXPECT_EQ(std::get<SqlBytes>(got.At(3)).size(), text.size());
        }
        ++row;
        return true;
      });
    }));
    EXPECT_EQ(row, count);
  }
}

TEST_P(BulkRows, AKeyThatIsThereFailsIsIgnoredOrReplaced) {
  for (const int64_t count : {3, 1000}) {
    JAMMI_OK(Execute("DELETE FROM rows"));
    JAMMI_OK(Insert({7, 8, 2}));
    auto keys = Keys(count);
    const auto failed = Insert(keys);
    ASSERT_FALSE(failed);
    EXPECT_EQ(FaultOf(failed.error()), BackendFault::kUnique) << failed.error().ToString();
    EXPECT_EQ(Count(), 3);
    keys.front() = 2;
    keys.back() = 2;
    EXPECT_EQ(Insert(keys, OnConflict::kIgnore).value(), count == 3 ? 1 : count - 5);
    EXPECT_TRUE(HasText(2, "row 2"));
    EXPECT_EQ(Insert(keys, OnConflict::kReplace).value(), count);
    EXPECT_TRUE(HasText(2, fmt::format("row {}", count - 1)));  // the last one with the key
  }
}

TEST_P(BulkRows, AnErrorOfTheSourceLeavesNothing) {
  for (const int64_t count : {5, 5000}) {
    const auto failed = Insert(Keys(count), OnConflict::kFail, count - 1);
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().code(), ErrorCode::kAborted) << failed.error().ToString();
    EXPECT_EQ(Count(), 0);
  }
  EXPECT_EQ(Insert(Keys(600)).value(), 600);
}

TEST_P(BulkRows, U0000AndAMissingTableAreRefused) {
  for (const int64_t count : {1, 1000}) {
    for (const std::string_view table : {"rows", "nowhere"}) {
      const auto fill = [&](int64_t row, std::span<SqlValue> values) -> Result<void> {
        values[0] = row;
        if (table == "rows") values[2] = std::string_view("a\0b", 3);
        return {};
      };
      const auto failed = backend().Transact({}, [&](Transaction& tx) {
        return tx.InsertRows({.table = table, .columns = kRowColumns, .rows = count}, fill);
      });
      ASSERT_FALSE(failed);
      if (table == "rows") {
        EXPECT_EQ(failed.error().code(), ErrorCode::kInvalidArgument);
      }
      EXPECT_EQ(Count(), 0);
    }
  }
}

// WK-21: conflicts are the backend's business; the caller sees the sum.
TEST_P(Conformance, Wk21ConcurrentSerializableIncrementsAllHappen) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
  constexpr int kThreads = 4;
  constexpr int kEach = 25;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < kEach; ++j) {
        JAMMI_OK(backend().RunTransaction(
            {.isolation = IsolationLevel::kSerializable}, [](Transaction& tx) -> Result<void> {
              JAMMI_ASSIGN(const auto v, tx.QueryFirst("SELECT v FROM t WHERE k = 1", {},
                                                       [](const Row& row) { return row.Get<int64_t>("v"); }));
              JAMMI_TRY(tx.Execute("UPDATE t SET v = $1 WHERE k = 1", {*v + 1}));
              return {};
            }));
      }
    });
  }
  threads.clear();
  EXPECT_EQ(GetInt("SELECT v FROM t").value(), kThreads * kEach);
}

TEST_P(Conformance, ABodyMustNotCallTheCatalog) {
  const auto outer = backend().RunTransaction({}, [&](Transaction&) {
    return backend().RunTransaction({}, [](Transaction&) { return Result<void>(); });
  });
  ASSERT_FALSE(outer);
  EXPECT_EQ(outer.error().code(), ErrorCode::kInvalidState);
  std::optional<ErrorCode> code;
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
    log().AppendAsync(Event(1, "x"), {},
                      [&](Result<AppendOutcome> outcome) { code = outcome.error().code(); });
    return {};
  }));
  EXPECT_EQ(code, ErrorCode::kInvalidState);
}

TEST_P(Conformance, AfterCommitRunsOnceAndOnlyOnSuccess) {
  int ran = 0;
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    tx.AfterCommit([&] { ++ran; });
    return {};
  }));
  EXPECT_EQ(ran, 1);
  EXPECT_FALSE(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.AfterCommit([&] { ++ran; });
    return Error(ErrorCode::kAborted, "no");
  }));
  EXPECT_EQ(ran, 1);
}

// Each transaction waits for the row of the one before it, so their order is known.
TEST_P(Conformance, AfterCommitRunsInCommitOrder) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
  std::vector<int64_t> seen;  // unguarded on purpose: callbacks do not overlap
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 25; ++j) {
        JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
          JAMMI_ASSIGN(const auto v, tx.QueryFirst("UPDATE t SET v = v + 1 WHERE k = 1 RETURNING v", {},
                                                   [](const Row& row) { return row.Get<int64_t>("v"); }));
          tx.AfterCommit([&seen, v] { seen.push_back(*v); });
          return {};
        }));
      }
    });
  }
  threads.clear();
  ASSERT_EQ(seen.size(), 100U);
  EXPECT_TRUE(std::ranges::is_sorted(seen));
}

TEST_P(Conformance, ACallbackMustNotCallTheCatalog) {
  std::optional<ErrorCode> code;
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.AfterCommit([&] { code = GetInt("SELECT 1 AS v").error().code(); });
    return {};
  }));
  EXPECT_EQ(code, ErrorCode::kInvalidState);
}

TEST_P(Conformance, ADeadlineThatHasPassedStartsNothing) {
  bool ran = false;
  const auto late =
      backend().RunTransaction({.deadline = Deadline::Now()}, [&](Transaction&) -> Result<void> {
        ran = true;
        return {};
      });
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_FALSE(ran);
}

TEST_P(Conformance, TransactionControlIsNotABodysBusiness) {
  for (const std::string_view sql :
       {"COMMIT", " begin", "ROLLBACK", "SAVEPOINT a", "/* so */ COMMIT", "-- so\nEND"}) {
    const auto refused = Execute(sql);
    ASSERT_FALSE(refused) << sql;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << refused.error().ToString();
  }
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
}

TEST_P(Conformance, ATextIsExactlyOneStatement) {
  for (const std::string_view sql :
       {"", " ", ";", "-- nothing", "/* nothing */ ;", "INSERT INTO t (k, v) VALUES (1, 1); DELETE FROM t",
        "SELECT 1; COMMIT", "SELECT 1; SELECT 2;"}) {
    const auto refused = Execute(sql);
    ASSERT_FALSE(refused) << sql;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << refused.error().ToString();
  }
  for (const std::string_view sql :
       {"SELECT 1;", "SELECT 1; ", "SELECT ';' ;", "-- one;\nSELECT 1 /* ; */"}) {
    JAMMI_OK(Execute(sql));
  }
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t").value(), 0);
}

TEST_P(Conformance, CloseRefusesWhatComesAfter) {
  catalog_->Close();
  catalog_->Close();
  const auto refused = Execute("INSERT INTO t (k, v) VALUES (1, 10)");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(GetInt("SELECT 1 AS v").error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(log().Append(Event(1, "x"), {}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(log().ReadHead(1).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(backend().Ping(Deadline::After(std::chrono::seconds(5))).error().code(), ErrorCode::kUnavailable);
}

TEST_P(Conformance, Case3PingTwiceAndKind) {
  JAMMI_OK(backend().Ping(Deadline::After(std::chrono::seconds(5))));
  JAMMI_OK(backend().Ping(Deadline::Never()));
  EXPECT_EQ(backend().Ping(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(backend().kind(), harness_->kind());
}

TEST_P(Conformance, StatisticsCountWhatHappened) {
  const BackendStats before = backend().stats();
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
  JAMMI_OK(GetInt("SELECT 1 AS v"));
  EXPECT_FALSE(Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
  const BackendStats after = backend().stats();
  EXPECT_EQ(after.transactions - before.transactions, 1U);
  EXPECT_EQ(after.read_transactions - before.read_transactions, 1U);
  EXPECT_EQ(after.failed - before.failed, 1U);
  EXPECT_EQ(after.groups - before.groups, 1U);
  EXPECT_EQ(after.group_work - before.group_work, 1U);
  EXPECT_GT(after.commit_us, before.commit_us);
}

TEST_P(Conformance, StatisticsTellOfTimeAndConnections) {
  const BackendStats before = backend().stats();
  for (const bool read_only : {false, true}) {
    JAMMI_OK(backend().RunTransaction({.read_only = read_only}, [&](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("SELECT 1"));
      const auto begun = std::chrono::steady_clock::now();
      while (std::chrono::steady_clock::now() - begun < std::chrono::milliseconds(2))
        std::this_thread::yield();
      const BackendStats inside = backend().stats();
      if (backend().kind() == BackendKind::kPostgres) {
        EXPECT_EQ(inside.connections, inside.connections_idle + 1);
      }
      return {};
    }));
  }
  const BackendStats after = backend().stats();
  EXPECT_GE(after.busy_us - before.busy_us, 4000U);
  EXPECT_EQ(after.connections, after.connections_idle);
  EXPECT_EQ(after.connections > 0, backend().kind() == BackendKind::kPostgres);
  EXPECT_EQ(after.wal_bytes > 0, backend().kind() == BackendKind::kSqlite);
  EXPECT_EQ(after.queue_depth, 0U);
}

TEST_P(Conformance, StatisticsCountTheWaitBehindABody) {
  constexpr auto kHeld = std::chrono::milliseconds(2);
  const uint64_t before = backend().stats().queue_wait_us;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 20; ++i) {  // more than any pool has
    threads.emplace_back([&] {
      JAMMI_OK(backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
        const auto begun = std::chrono::steady_clock::now();
        while (std::chrono::steady_clock::now() - begun < kHeld) std::this_thread::yield();
        return {};
      }));
    });
  }
  threads.clear();
  EXPECT_GT(backend().stats().queue_wait_us, before);
}

// --- Values

TEST_P(Conformance, ValuesComeBackAsTheyWere) {
  JAMMI_OK(Execute("CREATE TABLE vals (k BIGINT PRIMARY KEY, i BIGINT, d DOUBLE PRECISION, s TEXT, b " +
                   std::string(harness_->kind() == BackendKind::kSqlite ? "BLOB" : "BYTEA") + ")"));
  const std::vector<uint8_t> bytes = {0, 255, 0, 39};
  const std::string text = "quote ' and \" and \\ and ü and 🦀";
  JAMMI_OK(Execute("INSERT INTO vals VALUES (1, $1, $2, $3, $4)",
                   {std::numeric_limits<int64_t>::min(), -0.1, text, SqlBytes(bytes)}));
  JAMMI_OK(Execute("INSERT INTO vals VALUES (2, $1, $2, $3, $4)",
                   {std::numeric_limits<int64_t>::max(), 1e300, "", SqlBytes()}));
  JAMMI_OK(Execute("INSERT INTO vals VALUES (3, $1, $2, $3, $4)",
                   {std::nullopt, std::nullopt, std::nullopt, std::nullopt}));
  int rows = 0;
  JAMMI_OK(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
    return tx.Query("SELECT * FROM vals ORDER BY k", {}, [&](const Row& row) -> Result<bool> {
      ++rows;
      using OptionalInt = std::optional<int64_t>;
      if (rows == 1) {
        EXPECT_EQ(row.Get<int64_t>("i").value(), std::numeric_limits<int64_t>::min());
        EXPECT_EQ(row.Get<double>("d").value(), -0.1);
        EXPECT_EQ(row.Get<std::string>("s").value(), text);
        const SqlBytes back = row.Get<SqlBytes>("b").value();
        EXPECT_EQ(std::vector<uint8_t>(back.begin(), back.end()), bytes);
        EXPECT_EQ(FaultOf(row.Get<int32_t>("i").error()), BackendFault::kTypeConversion);
        EXPECT_EQ(FaultOf(row.Get<std::string>("i").error()), BackendFault::kTypeConversion);
        EXPECT_EQ(row.Get<int64_t>("none").error().code(), ErrorCode::kInternal);
      } else if (rows == 2) {
        EXPECT_EQ(row.Get<int64_t>("i").value(), std::numeric_limits<int64_t>::max());
        EXPECT_EQ(row.Get<double>("d").value(), 1e300);
        EXPECT_EQ(row.Get<std::string>("s").value(), "");
        EXPECT_EQ(row.Get<SqlBytes>("b").value().size(), 0U);
      } else {
        EXPECT_EQ(row.Get<OptionalInt>("i").value(), std::nullopt);
        EXPECT_EQ(row.Get<std::optional<std::string>>("s").value(), std::nullopt);
        EXPECT_EQ(FaultOf(row.Get<int64_t>("i").error()), BackendFault::kTypeConversion);
      }
      return true;
    });
  }));
  EXPECT_EQ(rows, 3);
}

TEST_P(Conformance, TextWithU0000IsRefused) {
  const auto refused = Execute("INSERT INTO t (k, v, name) VALUES (1, 1, $1)", {std::string_view("a\0b", 3)});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(Conformance, TextIsOrderedByItsBytes) {
  int k = 0;
  for (const std::string_view name : {"b", "B", "a", "_", "ä", "Z"}) {
    JAMMI_OK(
        Execute("INSERT INTO models (name, version, model_uid, model_type, task, backend, status, revision,"
                " created_at, updated_at) VALUES ($1, 1, $2, 'x', 'ner', 'x', 'loaded', 1, 0, 0)",
                {name, fmt::format("{}", ++k)}));
  }
  std::string order;
  JAMMI_OK(backend().RunTransaction({.read_only = true}, [&](Transaction& tx) {
    return tx.Query("SELECT name FROM models ORDER BY name", {}, [&](const Row& row) -> Result<bool> {
      order += row.Get<std::string>("name").value();
      return true;
    });
  }));
  EXPECT_EQ(order, "BZ_abä");
}

TEST_P(Conformance, AQueryCanStopEarlyAndAsk) {
  for (int k = 1; k <= 5; ++k) JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES ($1, $1)", {k}));
  int64_t seen = 0;
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) {
    return tx.Query("SELECT k FROM t ORDER BY k", {}, [&](const Row& row) -> Result<bool> {
      JAMMI_ASSIGN(seen, row.Get<int64_t>("k"));
      JAMMI_TRY(tx.Execute("UPDATE t SET v = 0 WHERE k = $1", {seen}));
      return seen < 3;
    });
  }));
  EXPECT_EQ(seen, 3);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t WHERE v = 0").value(), 3);
}

// --- What the database refuses

struct Refusal {
  std::string_view sql;
  ErrorCode code;
  BackendFault fault;
};

TEST_P(Conformance, Wk21ConstraintsAreClassified) {
  JAMMI_OK(
      Execute("CREATE TABLE child (k BIGINT PRIMARY KEY, t BIGINT REFERENCES t (k),"
              " later BIGINT REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)"));
  JAMMI_OK(Execute("INSERT INTO t (k, v, name) VALUES (1, 1, 'one')"));
  JAMMI_OK(Execute("INSERT INTO child (k, t) VALUES (1, 1)"));
  const Refusal refusals[] = {
      {"INSERT INTO t (k, v) VALUES (1, 1)", ErrorCode::kAlreadyExists, BackendFault::kUnique},
      {"INSERT INTO t (k, v, name) VALUES (2, 1, 'one')", ErrorCode::kAlreadyExists, BackendFault::kUnique},
      {"INSERT INTO t (k, v) VALUES (2, -1)", ErrorCode::kInvalidArgument, BackendFault::kCheck},
      {"INSERT INTO t (k, v) VALUES (2, NULL)", ErrorCode::kInvalidArgument, BackendFault::kCheck},
      {"INSERT INTO child (k, t) VALUES (2, 7)", ErrorCode::kFailedPrecondition, BackendFault::kForeignKey},
      {"DELETE FROM t WHERE k = 1", ErrorCode::kFailedPrecondition, BackendFault::kForeignKey},
      {"INSERT INTO child (k, later) VALUES (2, 7)", ErrorCode::kFailedPrecondition,
       BackendFault::kForeignKey},
      {"SELECT nonsense", ErrorCode::kInternal, BackendFault::kExecution},
  };
  for (const Refusal& refusal : refusals) {
    const auto refused = Execute(refusal.sql);
    ASSERT_FALSE(refused) << refusal.sql;
    EXPECT_EQ(refused.error().code(), refusal.code) << refused.error().ToString();
    EXPECT_EQ(FaultOf(refused.error()), refusal.fault) << refused.error().ToString();
    EXPECT_FALSE(refused.error().As<BackendDetail>()->native_code.empty());
  }
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t").value(), 1);
}

TEST_P(Conformance, AWrongNumberOfParametersIsOurBug) {
  const auto refused = Execute("INSERT INTO t (k, v) VALUES ($1, $2)", {1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInternal) << refused.error().ToString();
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES ($1, $2)", {1, 1}));
}

// --- Migrations and identity

TEST_P(Conformance, Mig06MigratingAgainDoesNothing) {
  JAMMI_OK(backend().Migrate());
  JAMMI_OK(backend().Migrate());
}

TEST_P(Conformance, TheIncarnationStays) {
  const std::string before = catalog_->incarnation();
  EXPECT_TRUE(Uuid::Parse(before));
  Reopen();
  EXPECT_EQ(catalog_->incarnation(), before);
}

TEST_P(Conformance, Wk20ANewerLedgerIsRefusedByName) {
  JAMMI_OK(
      Execute("INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ('9999_future', 'x', 0)"));
  EXPECT_EQ(FaultOf(backend().Migrate().error()), BackendFault::kMigration);
  catalog_.reset();
  const auto refused = harness_->Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(FaultOf(refused.error()), BackendFault::kMigration);
  EXPECT_NE(refused.error().message().find("9999_future"), std::string::npos);
}

TEST_P(Conformance, Wk20AnAlteredLedgerIsRefusedByName) {
  JAMMI_OK(Execute("UPDATE schema_migrations SET sha256 = 'other' WHERE name = '0002_topics'"));
  catalog_.reset();
  const auto refused = harness_->Open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(FaultOf(refused.error()), BackendFault::kMigration);
  EXPECT_NE(refused.error().message().find("0002_topics"), std::string::npos);
}

// --- Repositories; their own tests say more

TEST_P(Conformance, TopicsAreRegisteredListedAndDropped) {
  TopicRepo repo(backend());
  const Scope tenant = Scope::ForTenant(TenantId::From(Uuid::RandomV4()).value());
  const auto topic = repo.Register(tenant, "quakes", "schema bytes", {{"retention", "60"}});
  JAMMI_OK(topic);
  EXPECT_EQ(repo.Register(tenant, "quakes", "other", {}).error().code(), ErrorCode::kAlreadyExists);
  JAMMI_OK(repo.Register(Scope::Global(), "quakes", "global", {}));
  const auto found = repo.FindByName(tenant, "quakes");
  JAMMI_OK(found);
  EXPECT_EQ(found->id, topic->id);
  EXPECT_EQ(found->schema, "schema bytes");
  EXPECT_EQ(found->broker_metadata, topic->broker_metadata);
  EXPECT_EQ(repo.List(tenant, 1, {})->items.size(), 1U);
  EXPECT_EQ(repo.List(tenant, 10, repo.List(tenant, 1, {})->next_page_token)->items.size(), 1U);
  JAMMI_OK(log().Append(Event(topic->topic_no, "x"), {}));
  JAMMI_OK(repo.Drop(tenant, topic->id, [](int64_t) {}));
  EXPECT_EQ(repo.FindById(tenant, topic->id).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(log().Append(Event(topic->topic_no, "x"), {}).error().code(), ErrorCode::kNotFound);
}

TEST_P(Conformance, ModelsAreRegisteredListedAndDeleted) {
  const Scope tenant = Scope::ForTenant(TenantId::From(Uuid::RandomV4()).value());
  Models models({{std::shared_ptr<void>(), &backend()}, tenant});
  const RegisterModelParams params = {.model_id = "ranker", .model_type = "embedding", .backend = "candle"};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 5; ++j) JAMMI_OK(models.RegisterNext(params));
    });
  }
  threads.clear();
  EXPECT_EQ(models.Get("ranker")->version, 20);  // without gaps or clashes
  EXPECT_EQ(models.List(100, {})->items.size(), 20U);
  auto again = params;
  again.version = 20;
  EXPECT_EQ(models.Register(again).error().code(), ErrorCode::kAlreadyExists);
  again.artifact_path = "s3://bucket/ranker";
  EXPECT_EQ(models.Upsert(again)->artifact_path, "s3://bucket/ranker");
  JAMMI_OK(models.Delete("ranker", 20));
  EXPECT_EQ(models.Get("ranker")->version, 19);
}

// --- The event log

TEST_P(Conformance, OffsetsAreContiguousFromZeroAndEventsComeBackAsTheyWere) {
  MakeTopic(1);
  AppendNumbered(1, 0, 5);
  const auto page = log().Read(1, 2, Scope::Global(), {});
  JAMMI_OK(page);
  EXPECT_EQ(page->head.low_water, 0U);
  EXPECT_EQ(page->head.next_offset, 5U);
  ASSERT_EQ(page->events.size(), 3U);
  EXPECT_EQ(page->events[0].offset, 2U);
  EXPECT_EQ(page->events[0].payload->ToString(), "2");
  EXPECT_EQ(page->events[2].payload->ToString(), "4");
  EXPECT_TRUE(log().Read(1, 5, Scope::Global(), {})->events.empty());
  EXPECT_TRUE(log().Read(1, UINT64_MAX, Scope::Global(), {})->events.empty());
  Reopen();
  AppendNumbered(1, 5, 1);
}

TEST_P(Conformance, PayloadsAreSeenByTheirScopeOnly) {
  MakeTopic(1);
  const Scope a = Scope::ForTenant(TenantId::From(Uuid::RandomV4()).value());
  const Scope b = Scope::ForTenant(TenantId::From(Uuid::RandomV4()).value());
  JAMMI_OK(log().Append(Event(1, "global"), {}));
  JAMMI_OK(log().Append(Event(1, "of a", a), {}));
  JAMMI_OK(log().Append(Event(1, "of b", b), {}));
  const auto page = log().Read(1, 0, a, {});
  JAMMI_OK(page);
  ASSERT_EQ(page->events.size(), 3U);
  EXPECT_NE(page->events[0].payload, nullptr);
  EXPECT_EQ(page->events[1].payload->ToString(), "of a");
  EXPECT_EQ(page->events[1].scope, a);
  EXPECT_EQ(page->events[2].payload, nullptr);
  EXPECT_EQ(page->events[2].scope, b);
}

TEST_P(Conformance, APageHoldsOneEventAtLeastAndNoMoreThanAsked) {
  MakeTopic(1);
  for (const size_t size : {1000U, 10U, 10U, 5000U, 10U, 0U})
    JAMMI_OK(log().Append(Event(1, std::string(size, 'x')), {}));
  const auto offsets = [&](uint64_t from, PageLimit limit) {
    const auto page = log().Read(1, from, Scope::Global(), limit);
    EXPECT_TRUE(page) << page.error().ToString();
    return page ? page->events.size() : 0;
  };
  EXPECT_EQ(offsets(0, {.events = 2, .bytes = 1 << 20}), 2U);
  EXPECT_EQ(offsets(0, {.events = 10, .bytes = 1}), 1U);
  EXPECT_EQ(offsets(0, {.events = 10, .bytes = 1020}), 3U);
  EXPECT_EQ(offsets(1, {.events = 10, .bytes = 20}), 2U);
  EXPECT_EQ(offsets(3, {.events = 10, .bytes = 100}), 1U);
  EXPECT_EQ(offsets(4, {.events = 10, .bytes = 10}), 2U);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {.events = 0}).error().code(), ErrorCode::kInvalidArgument);
}

TEST_P(Conformance, ATopicWithoutAHeadIsNotFound) {
  for (const Error& error : {log().Append(Event(7, "x"), {}).error(), log().ReadHead(7).error(),
                             log().Read(7, 0, Scope::Global(), {}).error(), log().FindTime(7, 0).error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_NE(error.As<TopicNotFoundDetail>(), nullptr);
  }
}

TEST_P(Conformance, ADroppedTopicTakesNoOtherWithIt) {
  MakeTopic(1);
  MakeTopic(2);
  JAMMI_OK(Execute("DELETE FROM topic_heads WHERE topic_no = 1"));
  std::vector<std::future<ErrorCode>> outcomes;
  for (int i = 0; i < 20; ++i) {
    auto promise = std::make_shared<std::promise<ErrorCode>>();
    outcomes.push_back(promise->get_future());
    log().AppendAsync(Event(1 + i % 2, "x"), {}, [promise](Result<AppendOutcome> outcome) {
      promise->set_value(outcome ? ErrorCode::kInternal : outcome.error().code());
    });
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(outcomes[static_cast<size_t>(i)].get(),
              i % 2 == 0 ? ErrorCode::kNotFound : ErrorCode::kInternal);
  }
  EXPECT_EQ(log().ReadHead(2)->next_offset, 10U);
}

TEST_P(Conformance, AnEventOfABodyIsThereWithItsTransactionOrNotAtAll) {
  MakeTopic(1);
  std::optional<AppendOutcome> outcome;
  JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 10)"));
    tx.Append(Event(1, "a"));
    tx.Append(Event(1, "b"), [&](const AppendOutcome& done) { outcome = done; });
    return {};
  }));
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->offset, 1U);
  EXPECT_FALSE(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    tx.Append(Event(1, "c"));
    return Error(ErrorCode::kAborted, "no");
  }));
  const auto no_topic = backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (2, 10)"));
    tx.Append(Event(1, "d"));
    tx.Append(Event(9, "e"));
    return {};
  });
  ASSERT_FALSE(no_topic);
  EXPECT_EQ(no_topic.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 2U);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t").value(), 1);
}

TEST_P(Conformance, AMalformedEventIsRefused) {
  MakeTopic(1);
  EventAppend empty = Event(1, "x");
  empty.payload = nullptr;
  EXPECT_EQ(log().Append(empty, {}).error().code(), ErrorCode::kInvalidArgument);
  EventAppend negative = Event(1, "x");
  negative.row_count = -1;
  EXPECT_EQ(log().Append(negative, {}).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(log().Append(Event(1, "x"), Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_P(Conformance, CommitTimesNeverFallAndAreFound) {
  MakeTopic(1);
  std::vector<UnixMicros> times;
  for (const int64_t seconds : {0, 10, -3600, 1800, 7200}) {
    harness_->MoveClock(std::chrono::seconds(seconds));
    const auto appended = log().Append(Event(1, "x"), {});
    JAMMI_OK(appended);
    times.push_back(appended->committed_at);
  }
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_EQ(times[1], times[2]);
  EXPECT_EQ(log().FindTime(1, 0).value(), 0U);
  EXPECT_EQ(log().FindTime(1, times[0]).value(), 0U);
  EXPECT_EQ(log().FindTime(1, times[0] + 1).value(), 1U);
  EXPECT_EQ(log().FindTime(1, times[1] + 1).value(), 4U);
  EXPECT_EQ(log().FindTime(1, times[4]).value(), 4U);
  EXPECT_EQ(log().FindTime(1, times[4] + 1).value(), 5U);
}

TEST_P(Conformance, BelowTheLowWaterThereIsTheHeadAlone) {
  MakeTopic(1);
  AppendNumbered(1, 0, 5);
  JAMMI_OK(Execute("DELETE FROM events WHERE event_key < $1", {(int64_t{1} << 40) + 3}));
  JAMMI_OK(Execute("UPDATE topic_heads SET low_water = 3 WHERE topic_no = 1"));
  const auto page = log().Read(1, 2, Scope::Global(), {});
  JAMMI_OK(page);
  EXPECT_TRUE(page->events.empty());
  EXPECT_EQ(page->head.low_water, 3U);
  EXPECT_EQ(log().Read(1, 3, Scope::Global(), {})->events.size(), 2U);
  EXPECT_EQ(log().FindTime(1, 0).value(), 3U);
}

TEST_P(Conformance, DamageIsToldByOffset) {
  MakeTopic(1);
  AppendNumbered(1, 0, 5);
  JAMMI_OK(Execute("DELETE FROM events WHERE event_key = $1", {(int64_t{1} << 40) + 2}));
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {})->events.size(), 2U);  // up to it
  const auto missing = log().Read(1, 2, Scope::Global(), {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code(), ErrorCode::kDataLoss);
  EXPECT_NE(missing.error().message().find("offset 2"), std::string::npos);
  EXPECT_EQ(log().FindTime(1, 0).error().code(), ErrorCode::kDataLoss);
  JAMMI_OK(Execute("UPDATE events SET checksum = 1 WHERE event_key = $1", {(int64_t{1} << 40) + 3}));
  const auto damaged = log().Read(1, 3, Scope::Global(), {});
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code(), ErrorCode::kDataLoss);
}

TEST_P(Conformance, OffsetsAreUsedUpAtTheEnd) {
  MakeTopic(1);
  JAMMI_OK(
      Execute("UPDATE topic_heads SET next_offset = $1, low_water = $1 WHERE topic_no = 1", {kMaxOffset}));
  const auto last = log().Append(Event(1, "last"), {});
  JAMMI_OK(last);
  EXPECT_EQ(last->offset, static_cast<uint64_t>(kMaxOffset));
  const auto none = log().Append(Event(1, "none"), {});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(log().Read(1, static_cast<uint64_t>(kMaxOffset), Scope::Global(), {})->events.size(), 1U);
}

// Bodies and appends of several threads on several topics: the listener hears of every event once, in the
// order of offsets, before whoever appended it.
TEST_P(Conformance, TheListenerHearsEveryEventInOrderAndFirst) {
  for (int64_t topic = 1; topic <= 3; ++topic) MakeTopic(topic);
  std::vector<std::vector<uint64_t>> heard(4);  // unguarded on purpose: calls do not overlap
  std::atomic<int> count = 0;
  log().SetListener([&](std::span<const CommittedEvent> events) {
    for (const CommittedEvent& event : events) {
      heard[static_cast<size_t>(event.topic_no)].push_back(event.outcome.offset);
      EXPECT_EQ(Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())}),
                event.checksum);
      ++count;
    }
  });
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 30; ++j) {
        const int64_t topic = 1 + (i + j) % 3;
        if (i % 2 == 0) {
          const auto appended = log().Append(Event(topic, "x"), {});
          JAMMI_OK(appended);
        } else {
          int before = 0;
          JAMMI_OK(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
            tx.Append(Event(topic, "y"), [&](const AppendOutcome&) { before = count; });
            tx.Append(Event(topic % 3 + 1, "z"));
            return {};
          }));
          EXPECT_GE(before, 2);
        }
      }
    });
  }
  threads.clear();
  EXPECT_EQ(count, 2 * 30 + 2 * 60);
  for (int64_t topic = 1; topic <= 3; ++topic) {
    const auto& offsets = heard[static_cast<size_t>(topic)];
    for (size_t i = 0; i < offsets.size(); ++i) ASSERT_EQ(offsets[i], i) << "topic " << topic;
    EXPECT_EQ(log().ReadHead(topic)->next_offset, offsets.size());
  }
}

TEST_P(Conformance, WaitingAppendsShareACommit) {
  MakeTopic(1);
  const uint64_t groups = backend().stats().groups;
  std::atomic<int> done = 0;
  constexpr int kEvents = 500;
  std::promise<void> all;
  for (int i = 0; i < kEvents; ++i) {
    log().AppendAsync(Event(1, "x"), {}, [&](Result<AppendOutcome> outcome) {
      EXPECT_TRUE(outcome);
      if (++done == kEvents) all.set_value();
    });
  }
  all.get_future().wait();
  EXPECT_LT(backend().stats().groups - groups, kEvents / 4);
  EXPECT_EQ(log().ReadHead(1)->next_offset, static_cast<uint64_t>(kEvents));
}

TEST_P(Conformance, CloseLetsWhatWaitsComplete) {
  MakeTopic(1);
  std::atomic<int> succeeded = 0;
  for (int i = 0; i < 100; ++i) {
    log().AppendAsync(Event(1, "x"), {},
                      [&](Result<AppendOutcome> outcome) { succeeded += outcome ? 1 : 0; });
  }
  catalog_->Close();
  EXPECT_EQ(succeeded, 100);
  Reopen();
  EXPECT_EQ(log().ReadHead(1)->next_offset, 100U);
}

}  // namespace
}  // namespace jammi::conformance
