// Threads of the calls that wait: turns, limits, the end.
#include "rpc/executor.h"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::UnorderedElementsAre;

// Holds the one thread of an executor until it is opened, so that what is submitted meanwhile waits.
class Gate {
 public:
  explicit Gate(RpcExecutor& executor) {
    if (!executor.Submit(0, [sides = sides_] {
          sides->entered.set_value();
          sides->opened.get_future().wait();
        })) {
      std::abort();
    }
    sides_->entered.get_future().wait();
  }
  void Open() { sides_->opened.set_value(); }

 private:
  // The thread may be in them when the gate is gone.
  struct Sides {
    std::promise<void> entered;
    std::promise<void> opened;
  };
  const std::shared_ptr<Sides> sides_ = std::make_shared<Sides>();
};

class Record {
 public:
  RpcExecutor::Task Adding(std::string text) {
    return [this, text = std::move(text)] {
      const std::lock_guard lock(mutex_);
      order_.push_back(text);
    };
  }
  std::vector<std::string> order() {
    const std::lock_guard lock(mutex_);
    return order_;
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> order_;
};

// Tasks that run until they are let go, each by its name.
class HeldTasks {
 public:
  RpcExecutor::Task Holding(std::string name) {
    return [this, name = std::move(name)] {
      std::unique_lock lock(mutex_);
      begun_.push_back(name);
      changed_.notify_all();
      changed_.wait(lock, [&] { return all_let_go_ || let_go_.contains(name); });
    };
  }
  // Waits until so many have begun, for 20 s at most; all that have.
  std::vector<std::string> AwaitBegun(size_t count) {
    std::unique_lock lock(mutex_);
    (void)changed_.wait_for(lock, std::chrono::seconds(20), [&] { return begun_.size() >= count; });
    return begun_;
  }
  void LetGo(const std::string& name) {
    const std::lock_guard lock(mutex_);
    let_go_.insert(name);
    changed_.notify_all();
  }
  void LetAllGo() {
    const std::lock_guard lock(mutex_);
    all_let_go_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> begun_;
  std::set<std::string> let_go_;
  bool all_let_go_ = false;
};

TEST(RpcExecutor, LanesTakeTurnsAndEachKeepsItsOrder) {
  Record record;
  RpcExecutor executor(1, 100);
  Gate gate(executor);
  for (const auto* text : {"a1", "a2", "a3", "a4"}) ASSERT_TRUE(executor.Submit(1, record.Adding(text)));
  for (const auto* text : {"b1", "b2"}) ASSERT_TRUE(executor.Submit(2, record.Adding(text)));
  ASSERT_TRUE(executor.Submit(3, record.Adding("c1")));
  EXPECT_EQ(executor.waiting(), 7U);
  gate.Open();
  executor.Shutdown();
  EXPECT_THAT(record.order(), ElementsAre("a1", "b1", "c1", "a2", "b2", "a3", "a4"));
  EXPECT_EQ(executor.waiting(), 0U);
}

TEST(RpcExecutor, AFullQueueRefusesTheLaneThatFilledItAndTakesAnother) {
  Record record;
  RpcExecutor executor(1, 8);
  Gate gate(executor);
  int taken = 0;
  while (executor.Submit(1, record.Adding("a"))) ++taken;
  EXPECT_EQ(taken, 8);
  EXPECT_TRUE(executor.Submit(2, record.Adding("b1")));
  EXPECT_TRUE(executor.Submit(2, record.Adding("b2")));
  EXPECT_FALSE(executor.Submit(2, record.Adding("b3"))) << "8 / (2 * 2 lanes)";
  EXPECT_FALSE(executor.Submit(1, record.Adding("a")));
  EXPECT_TRUE(executor.Submit(3, record.Adding("c1")));
  gate.Open();
  executor.Shutdown();
  EXPECT_THAT(record.order(), ElementsAre("a", "b1", "c1", "a", "b2", "a", "a", "a", "a", "a", "a"));
}

TEST(RpcExecutor, HoweverManyLanesComeTheQueueStaysBelowTwiceItsLimit) {
  RpcExecutor executor(1, 8);
  Gate gate(executor);
  size_t taken = 0;
  for (uint64_t lane = 1; lane <= 1000; ++lane) taken += executor.Submit(lane, [] {}) ? 1 : 0;
  EXPECT_EQ(executor.waiting(), taken);
  EXPECT_LT(taken, 16U);
  gate.Open();
}

// The first lanes get more than those behind them, and together too much.
TEST(RpcExecutor, HoweverMuchEachLaneBringsTheQueueStaysWithinTwiceItsLimit) {
  RpcExecutor executor(1, 100);
  Gate gate(executor);
  for (uint64_t lane = 1; lane <= 1000; ++lane) {
    while (executor.Submit(lane, [] {})) continue;
  }
  EXPECT_EQ(executor.waiting(), 200U);
  gate.Open();
}

// A tenant's long calls once took every thread, and another's short one waited for seconds.
TEST(RpcExecutor, ALaneWhoseTasksTakeLongLeavesAThreadToTheOthers) {
  HeldTasks held;
  RpcExecutor executor(2, 100);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(executor.Submit(1, held.Holding("a" + std::to_string(i))));
  ASSERT_TRUE(executor.Submit(2, held.Holding("b")));
  const auto begun = held.AwaitBegun(2);
  held.LetAllGo();
  EXPECT_THAT(begun, UnorderedElementsAre("a0", "b"));
  executor.Shutdown();
  EXPECT_EQ(held.AwaitBegun(13).size(), 13U) << "nothing is lost";
}

TEST(RpcExecutor, ALaneGetsHalfOfTheThreadsAndTheNextOneHalfOfTheRest) {
  HeldTasks held;
  RpcExecutor executor(9, 100);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(executor.Submit(1, held.Holding("a" + std::to_string(i))));
  EXPECT_EQ(held.AwaitBegun(5).size(), 5U);
  EXPECT_EQ(executor.waiting(), 4U);
  for (int i = 0; i < 9; ++i) ASSERT_TRUE(executor.Submit(2, held.Holding("b" + std::to_string(i))));
  EXPECT_EQ(held.AwaitBegun(7).size(), 7U);
  EXPECT_EQ(executor.waiting(), 11U);
  ASSERT_TRUE(executor.Submit(3, held.Holding("c")));
  const auto begun = held.AwaitBegun(8);
  held.LetAllGo();
  EXPECT_THAT(begun, UnorderedElementsAre("a0", "a1", "a2", "a3", "a4", "b0", "b1", "c"));
}

// The thread that is free goes on with one of them; another one has to be woken for the second.
TEST(RpcExecutor, OneTaskThatEndsMayLetTwoBegin) {
  HeldTasks held;
  RpcExecutor executor(3, 100);
  for (const auto* name : {"c", "a0", "b0"}) {
    ASSERT_TRUE(executor.Submit(static_cast<uint64_t>(*name), held.Holding(name)));
  }
  (void)held.AwaitBegun(3);
  for (const auto* name : {"a1", "b1"}) {
    ASSERT_TRUE(executor.Submit(static_cast<uint64_t>(*name), held.Holding(name)));
  }
  held.LetGo("c");
  while (executor.running() != 2) std::this_thread::yield();
  EXPECT_EQ(executor.waiting(), 2U) << "one thread is free, and each lane has as many";
  held.LetGo("b0");
  EXPECT_THAT(held.AwaitBegun(5), IsSupersetOf({"a1", "b1"}));
  held.LetAllGo();
}

TEST(RpcExecutor, OnceNobodyCanComeALaneGetsAllThreads) {
  HeldTasks held;
  RpcExecutor executor(3, 100);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(executor.Submit(1, held.Holding("a" + std::to_string(i))));
  EXPECT_THAT(held.AwaitBegun(2), UnorderedElementsAre("a0", "a1"));
  std::thread shutdown([&] { executor.Shutdown(); });
  EXPECT_EQ(held.AwaitBegun(3).size(), 3U);
  held.LetAllGo();
  shutdown.join();
}

TEST(RpcExecutor, ShutdownRunsWhatWasSubmittedAndTakesNoMore) {
  std::atomic<int> ran = 0;
  RpcExecutor executor(2, 100);
  {
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(executor.Submit(static_cast<uint64_t>(i % 3), [&] { ++ran; }));
  }
  std::thread second([&] { executor.Shutdown(); });
  executor.Shutdown();
  EXPECT_EQ(ran, 50) << "both have waited for the threads";
  second.join();
  EXPECT_FALSE(executor.Submit(1, [&] { ++ran; }));
  executor.Shutdown();
  EXPECT_EQ(ran, 50);
}

// A task holds a call's memory: it has to be gone when the next begins, not when the next task comes.
TEST(RpcExecutor, ATaskIsDestroyedBeforeTheNextBegins) {
  RpcExecutor executor(1, 10);
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> seen = held;
  std::promise<bool> gone;
  Gate gate(executor);
  ASSERT_TRUE(executor.Submit(1, [held = std::move(held)] {}));
  ASSERT_TRUE(executor.Submit(1, [&] { gone.set_value(seen.expired()); }));
  gate.Open();
  EXPECT_TRUE(gone.get_future().get());
}

}  // namespace
}  // namespace jammi
