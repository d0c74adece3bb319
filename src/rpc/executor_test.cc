// Threads of the calls that wait: turns, limits, the end.
#include "rpc/executor.h"

#include <gmock/gmock.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace jammi {
namespace {

using testing::ElementsAre;

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
