// Threads with a queue.
#include "base/executor.h"

#include <gmock/gmock.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

namespace jammi {
namespace {

using testing::ElementsAre;

TEST(Executor, OneThreadRunsTasksInOrderAndWhoPostsDoesNotWait) {
  std::promise<std::thread::id> began;
  std::promise<void> let_go;
  std::vector<int> ran;
  auto executor = std::make_unique<Executor>(1);
  executor->Post([&] {
    began.set_value(std::this_thread::get_id());
    let_go.get_future().wait();
    ran.push_back(1);
  });
  EXPECT_NE(began.get_future().get(), std::this_thread::get_id());
  executor->Post([&] { ran.push_back(2); });
  executor->Post([&] { ran.push_back(3); });
  let_go.set_value();
  executor.reset();  // nothing that was posted is lost
  EXPECT_THAT(ran, ElementsAre(1, 2, 3));
}

TEST(Executor, AThreadThatHadNothingToDoIsWokenEachTime) {
  Executor executor(1);
  for (int i = 0; i < 100; ++i) {
    const auto ran = std::make_shared<std::promise<void>>();  // the thread may still be in it
    executor.Post([ran] { ran->set_value(); });
    ran->get_future().wait();
  }
}

TEST(Executor, ATaskMayPostAnother) {
  std::promise<void> ran;
  Executor executor(1);  // dies before what its tasks use
  executor.Post([&] { executor.Post([&] { ran.set_value(); }); });
  ran.get_future().wait();
}

TEST(Executor, WhatIsPostedAfterTheStopIsRefused) {
  Executor executor(2);
  executor.Stop();
  bool ran = false;
  EXPECT_FALSE(executor.Post([&] { ran = true; }));
  executor.Stop();  // again: nothing happens
  EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace jammi
