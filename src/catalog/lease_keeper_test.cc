#include "jammi/lease_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "base/sync_point.h"
#include "catalog/lease.h"

namespace jammi {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Time = LeaseKeeper::Time;

constexpr seconds kLength{30};

// Steps and time by hand.
class LeaseKeeperTest : public testing::Test {
 protected:
  // Keeps a lease that was granted now; each renewal answers what `answer_` is then.
  LeaseKeeper::Kept Keep() {
    return keeper_.Keep(now_, kLength, [this]() -> Result<LeaseRenewal> {
      ++renewals_;
      now_ += renewal_takes_;
      return answer_;
    });
  }

  Time now_{seconds(1000)};
  const Time start_ = now_;
  int renewals_ = 0;
  seconds renewal_takes_{0};
  Result<LeaseRenewal> answer_ = LeaseRenewal{};
  LeaseKeeper keeper_{{.now = [this] { return now_; }, .threads = false}};

  const Error unavailable_{ErrorCode::kUnavailable, "the database is gone"};
  const Error lost_ = LeaseLost("training job", "j", {"w", 1}, 2);
};

TEST_F(LeaseKeeperTest, ALeaseIsRenewedWhenAThirdOfItHasPassed) {
  const auto kept = Keep();
  EXPECT_EQ(keeper_.Renew(), start_ + kLength / 3);
  EXPECT_EQ(renewals_, 0);
  for (int i = 1; i <= 100; ++i) {
    now_ += kLength / 3;
    EXPECT_EQ(keeper_.Renew(), now_ + kLength / 3);
    EXPECT_EQ(renewals_, i);
    EXPECT_FALSE(kept.MustStop());
  }
}

// WK-17: a worker that is cut off from the database stops before another can have the job.
TEST_F(LeaseKeeperTest, Wk17WithoutASuccessForALeaseItsHolderMustStop) {
  const auto kept = Keep();
  answer_ = unavailable_;
  while (now_ + seconds(1) < start_ + kLength) {
    now_ += seconds(1);
    keeper_.Renew();
    keeper_.Watch();
    EXPECT_FALSE(kept.MustStop());
  }
  EXPECT_GE(renewals_, 5);  // it has tried again and again
  EXPECT_FALSE(kept.stop_token().stop_requested());
  now_ = start_ + kLength;
  keeper_.Watch();
  EXPECT_TRUE(kept.stop_token().stop_requested());
  EXPECT_EQ(kept.why(), LeaseEnd::kExpired);
  const int before = renewals_;
  answer_ = LeaseRenewal{};
  EXPECT_EQ(keeper_.Renew(), Time::max());
  EXPECT_EQ(renewals_, before);
}

TEST_F(LeaseKeeperTest, AnErrorThatPassesChangesNothing) {
  const auto kept = Keep();
  answer_ = unavailable_;
  now_ += seconds(20);
  const Time again = keeper_.Renew();
  EXPECT_LE(again, now_ + seconds(2));
  answer_ = LeaseRenewal{};
  now_ = again;
  keeper_.Renew();
  now_ += kLength - seconds(1);
  EXPECT_FALSE(kept.MustStop());
}

// The holder asks the clock himself: a watching thread that is not run does not matter.
TEST_F(LeaseKeeperTest, MustStopKnowsWithoutTheThreads) {
  const auto kept = Keep();
  now_ += kLength - microseconds(1);
  EXPECT_FALSE(kept.MustStop());
  now_ += microseconds(1);
  EXPECT_TRUE(kept.MustStop());
  EXPECT_TRUE(kept.stop_token().stop_requested());
}

// A lease runs from before the renewal was asked for: the database may have renewed it at once.
TEST_F(LeaseKeeperTest, ASlowRenewalCountsFromItsBeginning) {
  const auto kept = Keep();
  renewal_takes_ = seconds(8);
  now_ += seconds(10);
  keeper_.Renew();
  now_ = start_ + seconds(10) + kLength - microseconds(1);
  EXPECT_FALSE(kept.MustStop());
  now_ += microseconds(1);
  EXPECT_TRUE(kept.MustStop());
}

TEST_F(LeaseKeeperTest, ALeaseThatIsLostIsSaidAtOnceAndNotAskedForAgain) {
  const auto kept = Keep();
  answer_ = lost_;
  now_ += kLength / 3;
  EXPECT_EQ(keeper_.Renew(), Time::max());
  EXPECT_EQ(kept.why(), LeaseEnd::kLost);
  EXPECT_TRUE(kept.stop_token().stop_requested());
  now_ += kLength;
  keeper_.Renew();
  keeper_.Watch();
  EXPECT_EQ(renewals_, 1);
  EXPECT_EQ(kept.why(), LeaseEnd::kLost);
}

// The holder still has something to write: that he was cancelled.
TEST_F(LeaseKeeperTest, ARequestedCancellationIsSaidAndTheLeaseKept) {
  const auto kept = Keep();
  answer_ = LeaseRenewal{.cancel_requested = true};
  now_ += kLength / 3;
  keeper_.Renew();
  EXPECT_EQ(kept.why(), LeaseEnd::kCancelRequested);
  EXPECT_TRUE(kept.stop_token().stop_requested());
  now_ += kLength / 3;
  keeper_.Renew();
  EXPECT_EQ(renewals_, 2);
}

TEST_F(LeaseKeeperTest, AfterTheEndNothingIsRenewedOrSaid) {
  auto kept = Keep();
  kept.End();
  kept.End();
  now_ += 2 * kLength;
  EXPECT_EQ(keeper_.Renew(), Time::max());
  EXPECT_EQ(keeper_.Watch(), Time::max());
  EXPECT_EQ(renewals_, 0);
  EXPECT_FALSE(kept.MustStop());
}

TEST_F(LeaseKeeperTest, LeasesAreKeptIndependently) {
  const auto first = Keep();
  now_ += seconds(5);
  auto second = Keep();
  auto third = Keep();
  EXPECT_EQ(keeper_.Renew(), start_ + kLength / 3);
  second = std::move(third);  // ends the second
  now_ += seconds(10);
  keeper_.Renew();
  EXPECT_EQ(renewals_, 2);
  now_ = start_ + seconds(15) + kLength;
  EXPECT_TRUE(first.MustStop());
  EXPECT_TRUE(second.MustStop());
}

// --- With its threads.

class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

// A lease whose renewal is due in a moment, and its expiry far away.
LeaseKeeper::Kept KeepDue(LeaseKeeper& keeper, LeaseKeeper::RenewFn renew) {
  return keeper.Keep(std::chrono::steady_clock::now() - kLength / 3 + milliseconds(5), kLength,
                     std::move(renew));
}

TEST(LeaseKeeperThreadsTest, RenewsByItself) {
  LeaseKeeper keeper;
  std::array<Gate, 3> renewed;
  std::vector<LeaseKeeper::Kept> kept;
  for (Gate& gate : renewed) {
    kept.push_back(KeepDue(keeper, [&]() -> Result<LeaseRenewal> {
      gate.Open();
      return LeaseRenewal{};
    }));
  }
  for (Gate& gate : renewed) gate.Await();
}

// A renewal that hangs must not keep the holder from being told.
TEST(LeaseKeeperThreadsTest, Wk17TheHolderIsToldWhileARenewalHangs) {
  LeaseKeeper keeper;
  Gate told;
  auto kept = keeper.Keep(std::chrono::steady_clock::now(), milliseconds(20), [&]() -> Result<LeaseRenewal> {
    told.Await();
    return LeaseRenewal{};
  });
  const std::stop_callback tell(kept.stop_token(), [&] { told.Open(); });
  told.Await();
  EXPECT_EQ(kept.why(), LeaseEnd::kExpired);
}

TEST(LeaseKeeperThreadsTest, EndWaitsForTheRenewalThatRuns) {
  Gate started;
  Gate ending;
  SetSyncPoint("LeaseKeeper::EndWaits", [&] { ending.Open(); });
  std::atomic<bool> finished = false;
  {
    LeaseKeeper keeper;
    auto kept = KeepDue(keeper, [&]() -> Result<LeaseRenewal> {
      started.Open();
      ending.Await();
      finished = true;
      return LeaseRenewal{};
    });
    started.Await();
    kept.End();
    EXPECT_TRUE(finished);
    ending.Open();  // should it not have waited
  }
  ClearSyncPoints();
}

TEST(LeaseKeeperThreadsTest, AHolderMayEndHisLeaseWhenHeIsTold) {
  LeaseKeeper keeper;
  Gate ended;
  auto kept = KeepDue(keeper, [&]() -> Result<LeaseRenewal> {
    return LeaseLost("training job", "j", {"w", 1}, 2);
  });
  const std::stop_callback tell(kept.stop_token(), [&] {
    kept.End();
    ended.Open();
  });
  ended.Await();
}

TEST(LeaseKeeperThreadsTest, AKeptLeaseMayOutliveTheKeeper) {
  std::optional<LeaseKeeper> keeper(std::in_place);
  const auto kept = keeper->Keep(std::chrono::steady_clock::now() - kLength, kLength, [] {
    return Result<LeaseRenewal>(Error(ErrorCode::kUnavailable, "the database is gone"));
  });
  keeper.reset();
  EXPECT_EQ(kept.why(), LeaseEnd::kExpired);
}

}  // namespace
}  // namespace jammi
