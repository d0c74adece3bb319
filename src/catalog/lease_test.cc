#include "catalog/lease.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;

// WK-35: a huge lease must not overflow the addition to the clock.
TEST(LeaseTest, Wk35TheDurationIsBounded) {
  EXPECT_EQ(LeaseMicros(microseconds(1000)).value(), 1000);
  EXPECT_EQ(LeaseMicros(hours(24)).value(), 86'400'000'000);
  for (const auto lease : {microseconds::min(), microseconds(-1), microseconds(0), microseconds(999),
                           microseconds(86'400'000'001), microseconds::max()}) {
    const auto refused = LeaseMicros(lease);
    ASSERT_FALSE(refused) << lease.count();
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(LeaseTest, ATokenThatNoClaimHasGivenIsRefused) {
  EXPECT_TRUE(CheckLeaseToken({"worker-1", 1}));
  EXPECT_TRUE(CheckLeaseToken({std::string(256, 'w'), 7}));
  for (const LeaseToken& token :
       {LeaseToken{"", 1}, LeaseToken{std::string(257, 'w'), 1}, LeaseToken{std::string("a\0b", 3), 1},
        LeaseToken{"\xff", 1}, LeaseToken{"worker-1", 0}, LeaseToken{"worker-1", -1}}) {
    const auto refused = CheckLeaseToken(token);
    ASSERT_FALSE(refused) << token.holder << " " << token.epoch;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

TEST(LeaseTest, ALostLeaseSaysWhichEpochHoldsNow) {
  const Error lost = LeaseLost("training job", "j-17", {"worker-1", 2}, 3);
  EXPECT_EQ(lost.code(), ErrorCode::kFailedPrecondition);
  const auto* detail = lost.As<LeaseLostDetail>();
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->kind, "training job");
  EXPECT_EQ(detail->name, "j-17");
  EXPECT_EQ(detail->epoch, 2);
  EXPECT_EQ(detail->current_epoch, 3);
}

}  // namespace
}  // namespace jammi
