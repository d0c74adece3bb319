// The file system says no: at opening, inside bodies, at COMMIT, at a checkpoint. What is acknowledged
// stays, what is not does not appear as if it were, and the catalog goes on when the disk does.
#include <atomic>
#include <future>
#include <memory>
#include <thread>

#include "base/sync_point.h"
#include "catalog/sqlite/test_catalog.h"

namespace jammi::sqlite {
namespace {

using test::DiskFault;
using test::DiskOp;

class FaultTest : public CatalogTest {
 protected:
  FaultTest() { options_.background_checkpoints = false; }
  void SetUp() override {
    CatalogTest::SetUp();
    JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BLOB)"));
    MakeTopic(1);
  }
  void TearDown() override { ClearSyncPoints(); }

  static CatalogBackend::Body Insert(int64_t key) {
    return [key](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES ($1, zeroblob(100))", {key}));
      return {};
    };
  }
  static void ExpectFault(const Error& error, ErrorCode code, BackendFault fault) {
    EXPECT_EQ(error.code(), code) << error.ToString();
    ASSERT_NE(error.As<BackendDetail>(), nullptr) << error.ToString();
    EXPECT_EQ(error.As<BackendDetail>()->fault, fault) << error.ToString();
  }
  // Runs the bodies as one group: they queue up behind another body. `before` is called before the group.
  std::vector<Result<void>> RunTogether(const std::vector<CatalogBackend::Body>& bodies,
                                        const std::function<void()>& before) {
    std::vector<Result<void>> outcomes(bodies.size());
    std::vector<std::thread> threads;
    const auto held = backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
      for (size_t i = 0; i < bodies.size(); ++i) {
        threads.emplace_back([&, i] { outcomes[i] = backend().RunTransaction({}, bodies[i]); });
        while (backend().stats().queue_depth != i + 1) std::this_thread::yield();
      }
      // Each hit calls a copy of the callback: what it is to remember is shared.
      SetSyncPoint("catalog:group_taken", [&, done = std::make_shared<std::atomic<bool>>(false)] {
        if (!done->exchange(true)) before();
      });
      return {};
    });
    for (auto& thread : threads) thread.join();
    ClearSyncPoints();
    EXPECT_TRUE(held);
    return outcomes;
  }
};

TEST_F(FaultTest, AFailedSyncAtCommitIsOutcomeUnknownAndTheFileIsReopened) {
  disk_.Inject({.ops = {DiskOp::kSync}});
  const auto append = log().Append(Event(1, "a"), {});
  ASSERT_FALSE(append);
  EXPECT_EQ(append.error().code(), ErrorCode::kOutcomeUnknown);
  EXPECT_EQ(append.error().As<BackendDetail>()->fault, BackendFault::kIo);
  EXPECT_EQ(disk_.faults_fired(), 1U);
  EXPECT_EQ(backend().stats().writer_reopened, 1U);
  // It goes on, with offsets that follow on what is there.
  const auto next = log().Append(Event(1, "b"), {});
  JAMMI_OK(next);
  const auto page = log().Read(1, 0, Scope::Global(), {});
  JAMMI_OK(page);
  EXPECT_EQ(page->events.size(), next->offset + 1);
  EXPECT_EQ(page->events.back().payload->ToString(), "b");
}

// Its commit record lies in the log, unsynced. It must not be found there later, when acknowledged
// commits stand behind it and its own bytes never reached the disk.
TEST_F(FaultTest, AfterAFailedSyncAcknowledgedCommitsSurviveAPowerLoss) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    disk_.Inject({.ops = {DiskOp::kSync}});
    IgnoreError(backend().RunTransaction({}, Insert(static_cast<int64_t>(seed) * 1000)),
                "unknown by intention");
    JAMMI_OK(backend().RunTransaction({}, Insert(static_cast<int64_t>(seed))));
    test::FaultVfs after(disk_.AfterPowerLoss(seed));
    SqliteOptions options = options_;
    options.vfs = after.name();
    options.path = folder_ / "catalog.db";
    catalog_->Close();  // the lock
    {
      auto reopened = OpenSqliteCatalog(options);
      JAMMI_OK(reopened);
      const auto count = (*reopened)->backend().Transact({.read_only = true}, [&](Transaction& tx) {
        return tx.QueryFirst("SELECT count(*) AS n FROM t WHERE k <= $1", {static_cast<int64_t>(seed)},
                             [](const Row& row) { return row.Get<int64_t>("n"); });
      });
      JAMMI_OK(count);
      EXPECT_EQ(**count, static_cast<int64_t>(seed));
    }
    Open();
  }
}

TEST_F(FaultTest, WhileTheFileCannotBeReopenedTheCatalogIsUnavailable) {
  disk_.Inject({.ops = {DiskOp::kSync, DiskOp::kOpen}, .lasting = true});
  EXPECT_EQ(backend().RunTransaction({}, Insert(1)).error().code(), ErrorCode::kOutcomeUnknown);
  ExpectFault(backend().RunTransaction({}, Insert(2)).error(), ErrorCode::kUnavailable,
              BackendFault::kConnection);
  EXPECT_EQ(log().Append(Event(1, "a"), {}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(backend().Ping({}).error().code(), ErrorCode::kUnavailable);
  disk_.Heal();
  while (!backend().Ping({})) std::this_thread::yield();
  JAMMI_OK(backend().RunTransaction({}, Insert(3)));
  EXPECT_EQ(backend().stats().writer_reopened, 1U);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t WHERE k = 3"), 1);
}

TEST_F(FaultTest, ClosingWhileTheFileCannotBeReopenedEnds) {
  disk_.Inject({.ops = {DiskOp::kSync, DiskOp::kOpen}, .lasting = true});
  EXPECT_EQ(backend().RunTransaction({}, Insert(1)).error().code(), ErrorCode::kOutcomeUnknown);
  catalog_->Close();
  disk_.Heal();
  Open();
  JAMMI_OK(backend().RunTransaction({}, Insert(2)));
}

TEST_F(FaultTest, AGroupWhoseOutcomeIsUnknownIsToldSoOneAndAll) {
  const auto outcomes =
      RunTogether({Insert(1), Insert(2), Insert(3)}, [&] { disk_.Inject({.ops = {DiskOp::kSync}}); });
  for (const auto& outcome : outcomes) EXPECT_EQ(outcome.error().code(), ErrorCode::kOutcomeUnknown);
  JAMMI_OK(backend().RunTransaction({}, Insert(4)));
}

// The shared memory of the log has to grow when the commit record is written already, and there is no space
// for it. It looked like a full disk, after which nothing is left of a transaction, and was called that.
TEST_F(FaultTest, NoSpaceAfterTheCommitRecordIsOutcomeUnknown) {
  disk_.Inject({.kind = DiskFault::Kind::kFull, .ops = {DiskOp::kShmMap}});
  Result<AppendOutcome> append = AppendOutcome{};
  for (int i = 0; i < 10'000 && append; ++i) append = log().Append(Event(1, "x"), {});
  ASSERT_EQ(disk_.faults_fired(), 1U);
  EXPECT_EQ(append.error().code(), ErrorCode::kOutcomeUnknown) << append.error().ToString();
  ASSERT_EQ(append.error().As<BackendDetail>()->fault, BackendFault::kFull);
  EXPECT_EQ(backend().stats().writer_reopened, 1U);
  JAMMI_OK(log().Append(Event(1, "y"), {}));
}

// SQLITE_FULL at COMMIT is a roll-back for sure: nobody needs to be told, each is run again alone.
TEST_F(FaultTest, AGroupThatFillsTheDiskIsRunAgainOneByOne) {
  const BackendStats before = backend().stats();
  int callbacks = 0;
  const auto counted = [&](Transaction& tx) -> Result<void> {
    tx.AfterCommit([&] { ++callbacks; });
    tx.Append(Event(1, "from a body"));
    return Insert(2)(tx);
  };
  const auto outcomes =
      RunTogether({Insert(1), counted, Insert(3)}, [&] { disk_.Inject({.kind = DiskFault::Kind::kFull}); });
  EXPECT_EQ(disk_.faults_fired(), 1U);
  for (const auto& outcome : outcomes) JAMMI_OK(outcome);
  EXPECT_EQ(backend().stats().reruns - before.reruns, 3U);
  EXPECT_EQ(callbacks, 1);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 3);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 1U);
}

// An I/O error inside a body rolls back the whole transaction, and with it what others did before.
TEST_F(FaultTest, ABodyThatLosesTheTransactionHarmsNoOther) {
  const auto poisoned = [&](Transaction& tx) -> Result<void> {
    disk_.Inject({.ops = {DiskOp::kWrite}});
    // More than the page cache holds, so that it is written before COMMIT.
    IgnoreError(tx.Execute("INSERT INTO t (k, v) VALUES (99, zeroblob(8000000))"),
                "a body that looks at no error");
    const auto after = tx.Execute("INSERT INTO t (k, v) VALUES (100, NULL)");  // would commit by itself
    EXPECT_FALSE(after);
    return {};
  };
  const auto outcomes = RunTogether({Insert(1), poisoned, Insert(2)}, [] {});
  JAMMI_OK(outcomes[0]);
  JAMMI_OK(outcomes[2]);
  ASSERT_FALSE(outcomes[1]);
  ExpectFault(outcomes[1].error(), ErrorCode::kUnavailable, BackendFault::kIo);
  EXPECT_EQ(GetInt("SELECT sum(k) AS v FROM t"), 3);
}

TEST_F(FaultTest, AFullDiskIsResourceExhaustedAndNothingOfItIsThere) {
  disk_.Inject({.kind = DiskFault::Kind::kFull, .lasting = true});
  ExpectFault(backend().RunTransaction({}, Insert(1)).error(), ErrorCode::kResourceExhausted,
              BackendFault::kFull);
  ExpectFault(log().Append(Event(1, std::string(100'000, 'x')), {}).error(), ErrorCode::kResourceExhausted,
              BackendFault::kFull);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 0);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
  disk_.Heal();
  JAMMI_OK(backend().RunTransaction({}, Insert(2)));
  EXPECT_EQ(log().Append(Event(1, "a"), {})->offset, 0U);
  EXPECT_EQ(backend().stats().writer_reopened, 0U);
}

// (tests/crash fails every operation of every kind of work; this is the quick look at one.)
TEST_F(FaultTest, OpeningFailsCleanlyAtManySteps) {
  for (const auto kind : {DiskFault::Kind::kIo, DiskFault::Kind::kFull}) {
    uint64_t nth = 1;
    for (bool fired = true; fired; nth += 4) {
      test::FaultVfs fresh;
      SqliteOptions options = options_;
      options.vfs = fresh.name();
      options.path = folder_ / "fresh.db";
      fresh.Inject({.kind = kind, .nth = nth});
      {
        const auto opened = OpenSqliteCatalog(options);
        fired = fresh.faults_fired() > 0;
        if (!opened) {
          const auto* detail = opened.error().As<BackendDetail>();
          ASSERT_NE(detail, nullptr) << opened.error().ToString();
          EXPECT_TRUE(detail->fault == BackendFault::kIo || detail->fault == BackendFault::kFull)
              << nth << ": " << opened.error().ToString();
        }
      }
      fresh.Heal();
      const auto again = OpenSqliteCatalog(options);
      JAMMI_OK(again);
      JAMMI_OK((*again)->backend().Ping({}));
    }
    EXPECT_GT(nth, 10U);
  }
}

// Whatever step of a publish fails: what is acknowledged is there once, what is refused is not.
TEST_F(FaultTest, PublishingIsHonestAtEveryStep) {
  for (const auto kind : {DiskFault::Kind::kIo, DiskFault::Kind::kFull}) {
    for (uint64_t nth = 1; nth <= 12; ++nth) {
      const uint64_t before = log().ReadHead(1)->next_offset;
      disk_.Inject({.kind = kind, .nth = nth});
      const std::string text = fmt::format("{} {}", static_cast<int>(kind), nth);
      const auto append = log().Append(Event(1, text), {});
      disk_.Heal();
      while (!backend().Ping({})) std::this_thread::yield();
      const auto page = log().Read(1, before, Scope::Global(), {});
      JAMMI_OK(page);
      if (append) {
        ASSERT_EQ(page->events.size(), 1U) << text;
        EXPECT_EQ(page->events[0].offset, append->offset);
        EXPECT_EQ(page->events[0].payload->ToString(), text);
      } else if (append.error().code() != ErrorCode::kOutcomeUnknown) {
        EXPECT_TRUE(page->events.empty()) << text << ": " << append.error().ToString();
      }
      JAMMI_OK(log().Append(Event(1, "goes on"), {}));
    }
  }
}

TEST_F(FaultTest, AReadThatFailsIsAnIoError) {
  for (int i = 0; i < 50; ++i) JAMMI_OK(log().Append(Event(1, std::string(5000, 'x')), {}));
  Open();  // with cold caches
  disk_.Inject({.ops = {DiskOp::kRead}, .lasting = true});
  const auto page = log().Read(1, 0, Scope::Global(), {});
  ASSERT_FALSE(page);
  ExpectFault(page.error(), ErrorCode::kUnavailable, BackendFault::kIo);
  disk_.Heal();
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {})->events.size(), 50U);
}

TEST_F(FaultTest, ACheckpointThatFailsLosesNothing) {
  JAMMI_OK(backend().RunTransaction({}, Insert(1)));
  disk_.Inject({.ops = {DiskOp::kSync}, .lasting = true});
  ExpectFault(catalog_->Checkpoint().error(), ErrorCode::kUnavailable, BackendFault::kIo);
  disk_.Heal();
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 1);
  const BackendStats before = backend().stats();
  EXPECT_GT(before.wal_bytes, 0U);
  JAMMI_OK(catalog_->Checkpoint());
  EXPECT_EQ(backend().stats().wal_bytes, 0U);
  EXPECT_EQ(backend().stats().checkpoints - before.checkpoints, 1U);
  Open();
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 1);
}

}  // namespace
}  // namespace jammi::sqlite
