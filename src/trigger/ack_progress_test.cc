// What a consumer may say it has done with.
#include "trigger/ack_progress.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

TEST(AckProgress, RisesWithTheHighestAcknowledged) {
  AckProgress progress(3);
  for (const uint64_t offset : {3U, 4U, 5U, 6U}) progress.Delivered(offset);
  EXPECT_EQ(progress.acked(), 3U);
  EXPECT_TRUE(progress.Ack(4));
  EXPECT_EQ(progress.acked(), 5U);
  EXPECT_TRUE(progress.Ack(3));
  EXPECT_EQ(progress.acked(), 5U);
  EXPECT_TRUE(progress.Ack(6));
  EXPECT_EQ(progress.acked(), 7U);
}

TEST(AckProgress, RefusesWhatWasNotDelivered) {
  AckProgress progress(3);
  EXPECT_FALSE(progress.Ack(3));
  progress.Delivered(3);
  progress.LookedAt(10);
  EXPECT_FALSE(progress.Ack(4));
  EXPECT_FALSE(progress.Ack(UINT64_MAX));
  EXPECT_EQ(progress.acked(), 3U);
}

TEST(AckProgress, WhatWasLeftOutIsDoneWithOnceNothingIsOutstanding) {
  AckProgress progress(0);
  progress.LookedAt(100);
  EXPECT_EQ(progress.acked(), 100U);
  progress.Delivered(150);
  EXPECT_EQ(progress.acked(), 150U) << "what lies before the delivered one";
  progress.LookedAt(200);
  EXPECT_EQ(progress.acked(), 150U) << "150 is outstanding";
  EXPECT_TRUE(progress.Ack(150));
  EXPECT_EQ(progress.acked(), 200U);
}

TEST(AckProgress, WhatIsWrittenDoesNotFall) {
  AckProgress progress(0);
  EXPECT_FALSE(progress.dirty());
  progress.LookedAt(5);
  EXPECT_TRUE(progress.dirty());
  progress.Flushed(5);
  progress.Flushed(2);
  EXPECT_EQ(progress.flushed(), 5U);
  EXPECT_FALSE(progress.dirty());
}

}  // namespace
}  // namespace jammi
