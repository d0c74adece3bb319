#include "catalog/sqlite/group_policy.h"

#include <gtest/gtest.h>

namespace jammi::sqlite {
namespace {

using std::chrono::microseconds;

TEST(GroupPolicy, OneCallerAloneIsNotWaitedFor) {
  GroupPolicy policy(microseconds(2000));
  EXPECT_TRUE(policy.IsComplete(0));  // events that nobody waits for need not wait either
  EXPECT_TRUE(policy.IsComplete(1));
  policy.GroupEnded(1, 0);
  EXPECT_TRUE(policy.IsComplete(1));
}

TEST(GroupPolicy, NineInTenOfThoseWhoWereReleasedOrWaitedAreExpected) {
  GroupPolicy policy(microseconds(2000));
  policy.GroupEnded(64, 0);
  EXPECT_FALSE(policy.IsComplete(57));
  EXPECT_TRUE(policy.IsComplete(58));
  policy.GroupEnded(58, 6);  // those who came late are with the next
  EXPECT_FALSE(policy.IsComplete(57));
  EXPECT_TRUE(policy.IsComplete(58));
  policy.GroupEnded(1, 7);
  EXPECT_FALSE(policy.IsComplete(7));
  EXPECT_TRUE(policy.IsComplete(8));
}

TEST(GroupPolicy, ItForgetsThoseWhoDidNotComeBack) {
  GroupPolicy policy(microseconds(2000));
  policy.GroupEnded(8, 0);
  EXPECT_FALSE(policy.IsComplete(1));
  policy.GroupEnded(1, 0);  // patience was over, and one had come
  EXPECT_TRUE(policy.IsComplete(1));
}

TEST(GroupPolicy, PatienceIsHalfACommitWithinBounds) {
  GroupPolicy policy(microseconds(2000));
  EXPECT_EQ(policy.Patience(), microseconds(100));
  for (int i = 0; i < 100; ++i) policy.GroupTook(microseconds(1));
  EXPECT_EQ(policy.Patience(), microseconds(50));
  for (int i = 0; i < 100; ++i) policy.GroupTook(std::chrono::seconds(1));
  EXPECT_EQ(policy.Patience(), microseconds(2000));
  EXPECT_EQ(GroupPolicy(microseconds(0)).Patience(), microseconds(0));
}

}  // namespace
}  // namespace jammi::sqlite
