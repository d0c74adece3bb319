#include "jammi/events/backoff.h"

#include <gmock/gmock.h>

namespace jammi::events {
namespace {

using std::chrono::milliseconds;

// T29, SNK-020
TEST(BackoffTest, T29DoublesUpToThreeMinutesForEveryNumber) {
  EXPECT_EQ(BackoffDelay(0), milliseconds(100));
  EXPECT_EQ(BackoffDelay(10), milliseconds(102'400));
  for (const uint32_t attempt : {11U, 63U, 64U, 4'294'967'295U})
    EXPECT_EQ(BackoffDelay(attempt), milliseconds(180'000)) << attempt;
}

}  // namespace
}  // namespace jammi::events
