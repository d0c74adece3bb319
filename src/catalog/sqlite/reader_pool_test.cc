// How many connections the pool holds, and what becomes of those who ask for more.
#include "catalog/sqlite/reader_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "base/sync_point.h"

namespace jammi::sqlite {
namespace {

class ReaderPoolTest : public testing::Test {
 protected:
  ReaderPoolTest() {
    SetSyncPoint("ReaderPool::WaitLocked", [this] { ++waited_; });
  }
  ~ReaderPoolTest() override { ClearSyncPoints(); }

  void Start(size_t ceiling) {
    const auto started = pool_.Start(ceiling, [this]() -> Result<std::unique_ptr<Connection>> {
      if (cannot_open_) return Error(ErrorCode::kUnavailable, "no descriptor left");
      ++opened_;
      return Connection::Open({.path = ":memory:"});
    });
    ASSERT_TRUE(started) << started.error().ToString();
  }
  ReaderPool::Lease Acquire(Deadline deadline = Deadline::Never()) {
    auto lease = pool_.Acquire(deadline);
    if (!lease) throw std::runtime_error(lease.error().ToString());
    return *std::move(lease);
  }
  // Holds so many at once.
  std::vector<ReaderPool::Lease> Take(size_t count) {
    std::vector<ReaderPool::Lease> leases;
    for (size_t i = 0; i < count; ++i) leases.push_back(Acquire());
    return leases;
  }
  // Returns when so many calls wait: the pool's lock is theirs until they do.
  void AwaitWaiting(size_t calls) {
    while (waited_ < calls) std::this_thread::yield();
    (void)pool_.count();
  }

  std::atomic<size_t> waited_ = 0;
  std::atomic<bool> cannot_open_ = false;
  std::atomic<size_t> opened_ = 0;
  ReaderPool pool_;
};

TEST_F(ReaderPoolTest, OpensAConnectionWhenAllAreInUseUpToTheCeiling) {
  Start(3);
  EXPECT_EQ(pool_.count(), 1U);
  const auto leases = Take(3);
  EXPECT_EQ(pool_.count(), 3U);
  std::set<Connection*> different;
  for (const auto& lease : leases) different.insert(&*lease);
  EXPECT_EQ(different.size(), 3U);
  EXPECT_EQ(pool_.Acquire(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(opened_, 3U);
}

TEST_F(ReaderPoolTest, LendsTheOneThatWasUsedLast) {
  Start(8);
  auto leases = Take(3);
  std::vector<Connection*> returned;
  for (; !leases.empty(); leases.pop_back()) returned.push_back(&*leases.back());
  EXPECT_EQ(&*Acquire(), returned.back());
  const auto again = Take(3);
  for (const auto& lease : again) {
    EXPECT_EQ(&*lease, returned.back());
    returned.pop_back();
  }
  EXPECT_EQ(opened_, 3U);
}

TEST_F(ReaderPoolTest, AtTheCeilingOneThatComesBackIsLentToWhoWaits) {
  Start(1);
  std::optional<ReaderPool::Lease> only(Acquire());
  std::atomic<int> served = 0;
  std::vector<std::jthread> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back([&] {
      const auto lease = Acquire(Deadline::Never());
      ++served;
    });
  }
  AwaitWaiting(4);
  EXPECT_EQ(served, 0);
  only.reset();
  waiting.clear();
  EXPECT_EQ(served, 4);
  EXPECT_EQ(opened_, 1U);
}

TEST_F(ReaderPoolTest, WhoWaitsGoesAtTheDeadline) {
  Start(1);
  const auto only = Acquire();
  const auto refused = pool_.Acquire(Deadline::After(std::chrono::milliseconds(1)));
  EXPECT_EQ(refused.error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_NE(refused.error().message().find("all 1 reader"), std::string::npos);
}

TEST_F(ReaderPoolTest, OneThatCannotBeOpenedIsWaitedForWhereThereAreOthers) {
  Start(3);
  std::optional<ReaderPool::Lease> only(Acquire());
  cannot_open_ = true;
  EXPECT_EQ(pool_.Acquire(Deadline::Now()).error().code(), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(pool_.count(), 1U);
  std::jthread waiting([&] { (void)Acquire(Deadline::Never()); });
  AwaitWaiting(1);
  only.reset();
  waiting.join();
  cannot_open_ = false;
  (void)Take(3);
  EXPECT_EQ(pool_.count(), 3U);
}

TEST_F(ReaderPoolTest, TheFirstThatCannotBeOpenedIsAnErrorOfTheStart) {
  cannot_open_ = true;
  const auto started = pool_.Start(
      3, [] { return Result<std::unique_ptr<Connection>>(Error(ErrorCode::kUnavailable, "no")); });
  EXPECT_EQ(started.error().code(), ErrorCode::kUnavailable);
  pool_.Close();  // and does not wait
}

TEST_F(ReaderPoolTest, WhatNobodyNeedsAnyMoreIsClosed) {
  Start(32);
  (void)Take(12);
  EXPECT_EQ(pool_.count(), 12U);
  // The loans of the crowd are among the first ones to be looked at.
  for (size_t i = 0; i < 2 * ReaderPool::kReviewEvery; ++i) (void)Take(1);
  EXPECT_EQ(pool_.count(), ReaderPool::kKept);
  (void)Take(12);
  EXPECT_EQ(pool_.count(), 12U);
}

TEST_F(ReaderPoolTest, WhatIsNeededNowAndThenStays) {
  Start(32);
  for (size_t i = 0; i < 3 * ReaderPool::kReviewEvery; ++i) (void)Take(i % 1000 == 0 ? 12 : 1);
  EXPECT_EQ(pool_.count(), 12U);
  EXPECT_EQ(opened_, 12U);
}

TEST_F(ReaderPoolTest, CloseWaitsForWhatIsOnLoanAndRefusesTheRest) {
  Start(2);
  std::optional<ReaderPool::Lease> out(Acquire());
  std::atomic<bool> closed = false;
  std::jthread closing([&] {
    pool_.Close();
    closed = true;
  });
  // Until Close() has begun, a second one can be had.
  while (pool_.Acquire(Deadline::Never())) std::this_thread::yield();
  EXPECT_EQ(pool_.Acquire(Deadline::Never()).error().code(), ErrorCode::kUnavailable);
  EXPECT_FALSE(closed);
  out.reset();
  closing.join();
  EXPECT_EQ(pool_.count(), 0U);
}

}  // namespace
}  // namespace jammi::sqlite
