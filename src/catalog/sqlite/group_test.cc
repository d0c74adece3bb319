// Groups: what waits shares a commit, in the order of its lane, and nobody suffers for another's failure.
#include <atomic>
#include <condition_variable>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>

#include "base/sync_point.h"
#include "catalog/sqlite/test_catalog.h"

namespace jammi::sqlite {
namespace {

class GroupTest : public CatalogTest {
 protected:
  void SetUp() override {
    CatalogTest::SetUp();
    JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"));
    JAMMI_OK(
        Execute("CREATE TABLE child (k BIGINT PRIMARY KEY,"
                " later BIGINT REFERENCES t (k) DEFERRABLE INITIALLY DEFERRED)"));
    MakeTopic(1);
    MakeTopic(2);
  }
  void TearDown() override {
    ClearSyncPoints();
    Release();
    for (auto& thread : threads_) thread.join();
  }

  // Keeps the writer busy with a body until Release().
  void Hold() {
    std::latch running(1);
    threads_.emplace_back([this, &running] {
      JAMMI_OK(backend().RunTransaction({}, [&](Transaction&) -> Result<void> {
        running.count_down();
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return released_; });
        return {};
      }));
    });
    running.wait();
  }
  void Release() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  // Starts a transaction on a thread of its own and waits until it is in the queue.
  std::future<Result<void>> Enqueue(TxOptions options, CatalogBackend::Body body) {
    const uint64_t before = backend().stats().queue_depth;
    std::promise<Result<void>> promise;
    auto outcome = promise.get_future();
    threads_.emplace_back([this, options, body = std::move(body), promise = std::move(promise)]() mutable {
      promise.set_value(backend().RunTransaction(options, body));
    });
    AwaitDepth(before + 1);
    return outcome;
  }
  void AwaitDepth(uint64_t depth) {
    while (backend().stats().queue_depth != depth) std::this_thread::yield();
  }
  static CatalogBackend::Body Insert(int64_t key) {
    return [key](Transaction& tx) -> Result<void> {
      JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES ($1, 0)", {key}));
      return {};
    };
  }
  // What Enqueue does, for an event that nobody waits for.
  std::future<Result<AppendOutcome>> Append(int64_t topic_no, std::string text, Deadline deadline = {}) {
    auto promise = std::make_shared<std::promise<Result<AppendOutcome>>>();
    log().AppendAsync(Event(topic_no, std::move(text)), deadline,
                      [promise](Result<AppendOutcome> outcome) { promise->set_value(std::move(outcome)); });
    return promise->get_future();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool released_ = false;
  std::vector<std::thread> threads_;
};

TEST_F(GroupTest, WhatWaitsSharesOneCommit) {
  Hold();
  const BackendStats before = backend().stats();
  std::vector<std::future<Result<void>>> bodies;
  for (int i = 0; i < 5; ++i) bodies.push_back(Enqueue({}, Insert(i)));
  auto a = Append(1, "a");
  auto b = Append(2, "b");
  auto c = Append(1, "c");
  Release();
  for (auto& body : bodies) JAMMI_OK(body.get());
  EXPECT_EQ(a.get()->offset, 0U);
  EXPECT_EQ(b.get()->offset, 0U);
  EXPECT_EQ(c.get()->offset, 1U);
  const BackendStats after = backend().stats();
  EXPECT_EQ(after.groups - before.groups, 2U);  // the holder's and theirs
  EXPECT_EQ(after.group_work - before.group_work, 9U);
  EXPECT_EQ(after.reruns, before.reruns);
}

TEST_F(GroupTest, NoOutcomeLeavesBeforeCommitReturned) {
  std::latch before_commit(1);
  std::latch go(1);
  Hold();
  auto good = Enqueue({}, Insert(1));
  auto bad = Enqueue({}, [](Transaction&) -> Result<void> { return Error(ErrorCode::kAborted, "no"); });
  auto event = Append(1, "a");
  auto lost_event = Append(7, "there is no topic 7");
  // Each hit calls a copy of the callback: what it is to remember is shared.
  SetSyncPoint("catalog:before_commit", [&, once = std::make_shared<std::atomic<bool>>(false)] {
    if (once->exchange(true)) return;
    before_commit.count_down();
    go.wait();
  });
  Release();
  before_commit.wait();  // the holder's own commit or theirs: neither may have said anything
  const auto none = std::chrono::seconds(0);
  EXPECT_EQ(good.wait_for(none), std::future_status::timeout);
  EXPECT_EQ(bad.wait_for(none), std::future_status::timeout);
  EXPECT_EQ(event.wait_for(none), std::future_status::timeout);
  EXPECT_EQ(lost_event.wait_for(none), std::future_status::timeout);
  go.count_down();
  JAMMI_OK(good.get());
  EXPECT_EQ(bad.get().error().code(), ErrorCode::kAborted);
  JAMMI_OK(event.get());
  EXPECT_EQ(lost_event.get().error().code(), ErrorCode::kNotFound);
}

TEST_F(GroupTest, ABodyThatFailsTakesNoOtherWithIt) {
  Hold();
  const BackendStats before = backend().stats();
  auto first = Enqueue({}, Insert(1));
  auto error = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (2, 0)"));
    tx.Append(Event(1, "never"));
    tx.AfterCommit([] { FAIL() << "the body failed"; });
    return Error(ErrorCode::kAborted, "no");
  });
  auto exception = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (3, 0)"));
    throw std::runtime_error("oops");
  });
  auto constraint = Enqueue({}, Insert(1));
  auto foreign_key = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO child (k, later) VALUES (1, 99)"));
    return {};
  });
  auto no_topic = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (4, 0)"));
    tx.Append(Event(7, "there is no topic 7"));
    return {};
  });
  auto no_payload = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (5, 0)"));
    tx.Append(EventAppend{.topic_no = 1});
    return {};
  });
  auto last = Enqueue({}, Insert(6));
  Release();
  JAMMI_OK(first.get());
  JAMMI_OK(last.get());
  EXPECT_EQ(error.get().error().code(), ErrorCode::kAborted);
  EXPECT_EQ(exception.get().error().code(), ErrorCode::kInternal);
  EXPECT_EQ(constraint.get().error().code(), ErrorCode::kAlreadyExists);
  const auto open_key = foreign_key.get();
  EXPECT_EQ(open_key.error().As<BackendDetail>()->fault, BackendFault::kForeignKey);
  EXPECT_EQ(open_key.error().As<BackendDetail>()->object, "child");
  const auto dropped = no_topic.get();
  EXPECT_EQ(dropped.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(dropped.error().As<TopicNotFoundDetail>()->topic, "7");
  EXPECT_EQ(no_payload.get().error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(GetInt("SELECT sum(k) AS v FROM t"), 7);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM child"), 0);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
  const BackendStats after = backend().stats();
  EXPECT_EQ(after.groups - before.groups, 2U);  // in one commit with the rest
  EXPECT_EQ(after.reruns, before.reruns);
}

// A body of the group drops the topic that an earlier body appends to; events get their offsets last.
TEST_F(GroupTest, ATopicDroppedByALaterBodyOfTheGroupIsSortedOutOneByOne) {
  Hold();
  const BackendStats before = backend().stats();
  auto publish = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
    tx.Append(Event(1, "a"));
    return {};
  });
  auto drop = Enqueue({}, [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("DELETE FROM topic_heads WHERE topic_no = 1"));
    return {};
  });
  auto other = Enqueue({}, Insert(2));
  Release();
  JAMMI_OK(publish.get());  // it was first
  JAMMI_OK(drop.get());
  JAMMI_OK(other.get());
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM events"), 1);
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 2);
  EXPECT_EQ(backend().stats().reruns - before.reruns, 3U);
  EXPECT_EQ(backend().stats().groups - before.groups, 4U);
}

// TRG-037: a body that publishes and is the one that drops: it must not commit without its event.
TEST_F(GroupTest, ABodyThatDropsTheTopicItAppendsToFailsWhole) {
  const auto refused = backend().RunTransaction({}, [](Transaction& tx) -> Result<void> {
    tx.Append(Event(1, "a"));
    JAMMI_TRY(tx.Execute("DELETE FROM topic_heads WHERE topic_no = 1"));
    return {};
  });
  EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_F(GroupTest, LanesUrgentThenNormalInOrderOfSubmissionThenBulkAlone) {
  Hold();
  std::vector<std::string> order;  // bodies are serial: no lock
  const auto note = [&order](std::string name) {
    return [&order, name](Transaction&) -> Result<void> {
      order.push_back(name);
      return {};
    };
  };
  const BackendStats before = backend().stats();
  auto b1 = Enqueue({.lane = Lane::kBulk}, note("bulk 1"));
  auto b2 = Enqueue({.lane = Lane::kBulk}, note("bulk 2"));
  auto n1 = Enqueue({}, note("normal 1"));
  auto n2 = Enqueue({}, note("normal 2"));
  auto u1 = Enqueue({.lane = Lane::kUrgent}, note("urgent"));
  Release();
  for (auto* outcome : {&b1, &b2, &n1, &n2, &u1}) JAMMI_OK(outcome->get());
  EXPECT_EQ(order, (std::vector<std::string>{"urgent", "normal 1", "normal 2", "bulk 1", "bulk 2"}));
  EXPECT_EQ(backend().stats().groups - before.groups, 4U);  // the holder, one group of three, two alone
}

// A bulk body gives way once, not for ever.
TEST_F(GroupTest, ABulkBodyIsNotStarvedByThoseWhoComeLater) {
  std::vector<std::string> order;
  Hold();
  auto bulk = Enqueue({.lane = Lane::kBulk}, [&](Transaction&) -> Result<void> {
    order.emplace_back("bulk");
    return {};
  });
  std::future<Result<void>> late;
  auto first = Enqueue({}, [&](Transaction&) -> Result<void> {
    order.emplace_back("first");
    late = Enqueue({}, [&](Transaction&) -> Result<void> {  // comes while the first group runs
      order.emplace_back("late");
      return {};
    });
    return {};
  });
  Release();
  JAMMI_OK(first.get());
  JAMMI_OK(bulk.get());
  JAMMI_OK(late.get());
  EXPECT_EQ(order, (std::vector<std::string>{"first", "bulk", "late"}));
}

TEST_F(GroupTest, ADeadlineRemovesABodyThatHasNotStarted) {
  Hold();
  bool ran = false;
  const auto body = [&](Transaction&) -> Result<void> {
    ran = true;
    return {};
  };
  const auto late =
      backend().RunTransaction({.deadline = Deadline::After(std::chrono::milliseconds(5))}, body);
  EXPECT_EQ(late.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(backend().stats().queue_depth, 0U);
  EXPECT_EQ(log().Append(Event(1, "a"), Deadline::After(std::chrono::milliseconds(5))).error().code(),
            ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(backend().RunTransaction({.deadline = Deadline::Now()}, body).error().code(),
            ErrorCode::kDeadlineExceeded);
  const auto soon = Deadline::After(std::chrono::milliseconds(5));
  auto async = Append(1, "b", soon);
  while (!soon.Passed()) std::this_thread::yield();
  Release();
  EXPECT_EQ(async.get().error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_FALSE(ran);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 0U);
}

TEST_F(GroupTest, ABodyThatHasStartedCompletesWhateverItsDeadline) {
  const auto deadline = Deadline::After(std::chrono::milliseconds(20));
  JAMMI_OK(backend().RunTransaction({.deadline = deadline}, [&](Transaction& tx) -> Result<void> {
    while (!deadline.Passed()) std::this_thread::yield();
    JAMMI_TRY(tx.Execute("INSERT INTO t (k, v) VALUES (1, 0)"));
    return {};
  }));
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 1);
}

TEST_F(GroupTest, CallbacksComeInCommitOrderEachAfterTheListener) {
  std::vector<std::string> order;  // callbacks are serial: no lock
  log().SetListener([&](std::span<const CommittedEvent> events) {
    for (const auto& event : events)
      order.push_back(fmt::format("heard {}:{}", event.topic_no, event.outcome.offset));
  });
  Hold();
  auto a = Enqueue({}, [&](Transaction& tx) -> Result<void> {
    tx.Append(Event(2, "x"), [&](const AppendOutcome& outcome) {
      order.push_back(fmt::format("a got {}", outcome.offset));
    });
    tx.AfterCommit([&] { order.emplace_back("after a"); });
    return {};
  });
  auto event = std::make_shared<std::promise<void>>();
  log().AppendAsync(Event(1, "y"), {}, [&order, event](const Result<AppendOutcome>& outcome) {
    order.push_back(fmt::format("async got {}", outcome->offset));
    event->set_value();
  });
  auto b = Enqueue({}, [&](Transaction& tx) -> Result<void> {
    tx.Append(Event(2, "z"), [&](const AppendOutcome& outcome) {
      order.push_back(fmt::format("b got {}", outcome.offset));
    });
    tx.AfterCommit([&] { order.emplace_back("after b"); });
    return {};
  });
  Release();
  JAMMI_OK(a.get());
  JAMMI_OK(b.get());
  event->get_future().get();
  EXPECT_EQ(order, (std::vector<std::string>{"heard 1:0", "heard 2:0", "heard 2:1", "a got 0", "after a",
                                             "async got 0", "b got 1", "after b"}));
}

TEST_F(GroupTest, AFullQueueIsResourceExhausted) {
  options_.path = folder_ / "small.db";
  options_.queue_limit = 2;
  Open();
  JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"));
  MakeTopic(1);
  Hold();
  auto a = Enqueue({}, Insert(1));
  auto b = Append(1, "b");
  const auto refused =
      backend().RunTransaction({.deadline = Deadline::After(std::chrono::milliseconds(5))}, Insert(3));
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused.error().As<BackendDetail>()->fault, BackendFault::kBusy);
  EXPECT_EQ(Append(1, "c").get().error().code(), ErrorCode::kResourceExhausted);  // at once
  // One with time gets its turn.
  std::thread patient([&] { JAMMI_OK(backend().RunTransaction({}, Insert(4))); });
  Release();
  JAMMI_OK(a.get());
  JAMMI_OK(b.get());
  patient.join();
  EXPECT_EQ(GetInt("SELECT sum(k) AS v FROM t"), 5);
}

// Room was announced once for a whole group that left the queue, and all but one slept on.
TEST_F(GroupTest, EveryCallerThatWaitsForRoomGetsHisTurn) {
  options_.path = folder_ / "small.db";
  options_.queue_limit = 2;
  Open();
  JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"));
  Hold();
  auto a = Enqueue({}, Insert(1));
  auto b = Enqueue({}, Insert(2));
  std::vector<std::thread> patient;
  for (int i = 3; i <= 10; ++i)
    patient.emplace_back([&, i] { JAMMI_OK(backend().RunTransaction({}, Insert(i))); });
  Release();
  for (auto& thread : patient) thread.join();
  JAMMI_OK(a.get());
  JAMMI_OK(b.get());
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t"), 10);
}

TEST_F(GroupTest, AGroupClosesAtItsLimits) {
  options_.path = folder_ / "limits.db";
  options_.group_max_work = 2;
  options_.group_max_bytes = 100;
  Open();
  JAMMI_OK(Execute("CREATE TABLE t (k BIGINT PRIMARY KEY, v BIGINT NOT NULL)"));
  MakeTopic(1);
  Hold();
  const BackendStats before = backend().stats();
  std::vector<std::future<Result<void>>> bodies;
  for (int i = 0; i < 5; ++i) bodies.push_back(Enqueue({}, Insert(i)));  // groups of 2, 2, 1 ...
  auto large = Append(1, std::string(1000, 'x'));                        // alone: too large for company
  auto small = Append(1, "y");
  Release();
  for (auto& body : bodies) JAMMI_OK(body.get());
  JAMMI_OK(large.get());
  JAMMI_OK(small.get());
  EXPECT_EQ(backend().stats().groups - before.groups, 6U);
}

TEST_F(GroupTest, CloseLetsWhatWaitsCompleteAndRefusesTheRest) {
  Hold();
  auto body = Enqueue({}, Insert(1));
  auto event = Append(1, "a");
  std::thread closer([&] { catalog_->Close(); });
  while (backend().Ping({})) std::this_thread::yield();  // until Close() is under way
  EXPECT_EQ(backend().RunTransaction({}, Insert(2)).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(Append(1, "b").get().error().code(), ErrorCode::kUnavailable);
  Release();
  JAMMI_OK(body.get());
  JAMMI_OK(event.get());
  closer.join();
  catalog_->Close();  // again: nothing happens
  EXPECT_EQ(GetInt("SELECT count(*) AS v FROM t").error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(log().Read(1, 0, Scope::Global(), {}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(backend().Ping({}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(catalog_->Checkpoint().error().code(), ErrorCode::kUnavailable);
  Open();
  EXPECT_EQ(GetInt("SELECT k AS v FROM t"), 1);
  EXPECT_EQ(log().ReadHead(1)->next_offset, 1U);
}

// A checkpoint that waited for the writer alone found the catalog closed, and left without waking the
// writer's thread, which had stood back for it: what was queued hung, and Close() with it.
TEST_F(GroupTest, CloseEmptiesTheQueueThoughCheckpointsWait) {
  constexpr int kCheckpoints = 32;
  std::atomic<int> waiting = 0;
  SetSyncPoint("catalog:exclusive_waits", [&] { ++waiting; });
  Hold();  // on a caller's thread, so that the next group is the writer's thread's
  std::latch running(1);
  std::latch go_on(1);
  auto second = Enqueue({}, [&](Transaction&) -> Result<void> {
    running.count_down();
    go_on.wait();
    return {};
  });
  Release();
  running.wait();
  auto third = Enqueue({}, Insert(1));
  std::vector<std::jthread> checkpoints;
  for (int i = 0; i < kCheckpoints; ++i) {
    checkpoints.emplace_back(
        [&] { IgnoreError(catalog_->Checkpoint(), "it may come before or after Close()"); });
  }
  while (waiting < kCheckpoints) std::this_thread::yield();
  std::jthread closer([&] { catalog_->Close(); });
  while (backend().Ping({})) std::this_thread::yield();  // until Close() is under way
  go_on.count_down();
  JAMMI_OK(second.get());
  JAMMI_OK(third.get());
}

TEST_F(GroupTest, PingDoesNotWaitBehindALongBody) {
  Hold();
  JAMMI_OK(backend().Ping(Deadline::After(std::chrono::seconds(10))));
  EXPECT_EQ(backend().Ping(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
}

TEST_F(GroupTest, ReadersDoNotWaitForTheWriter) {
  JAMMI_OK(Execute("INSERT INTO t (k, v) VALUES (1, 5)"));
  Hold();
  EXPECT_EQ(GetInt("SELECT v FROM t"), 5);
  JAMMI_OK(log().Read(1, 0, Scope::Global(), {}));
}

TEST_F(GroupTest, AReaderIsWaitedForUntilTheDeadline) {
  options_.path = folder_ / "one_reader.db";
  options_.reader_connections = 1;
  Open();
  std::latch reading(1);
  std::latch done(1);
  std::thread reader([&] {
    JAMMI_OK(backend().RunTransaction({.read_only = true}, [&](Transaction&) -> Result<void> {
      reading.count_down();
      done.wait();
      return {};
    }));
  });
  reading.wait();
  const TxOptions hurried{.read_only = true, .deadline = Deadline::After(std::chrono::milliseconds(5))};
  const auto nothing = [](Transaction&) -> Result<void> { return {}; };
  EXPECT_EQ(backend().RunTransaction(hurried, nothing).error().code(), ErrorCode::kDeadlineExceeded);
  std::thread patient([&] { JAMMI_OK(backend().RunTransaction({.read_only = true}, nothing)); });
  done.count_down();
  patient.join();
  reader.join();
}

}  // namespace
}  // namespace jammi::sqlite
