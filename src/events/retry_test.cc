#include "jammi/events/retry.h"

#include <gmock/gmock.h>

#include "events/fake_clock.h"
#include "events/sink_error.h"

namespace jammi::events {
namespace {

using std::chrono::milliseconds;

// T37, T38, SNK-030
TEST(RetryTest, T37T38EveryErrorIsTriedAgainAfterAPauseAndTheLastIsReturned) {
  test::FakeClock clock;
  std::vector<int64_t> calls;
  const auto fails = [&]() -> Result<int> {
    calls.push_back(clock.elapsed().count());
    return SinkError(SinkFault::kRejected, std::to_string(calls.size()));
  };
  EXPECT_EQ(WithRetry(0, fails, clock).error().message(), "1");
  calls.clear();
  EXPECT_EQ(WithRetry(5, fails, clock).error().message(), "5");
  EXPECT_THAT(calls, testing::ElementsAre(0, 100, 500, 2100, 8500));
  EXPECT_EQ(*WithRetry(
                5, []() -> Result<int> { return 7; }, clock),
            7);
}

// A sleep on the machine's clock ends when it is told to.
TEST(RetryTest, ASleepCanBeEnded) {
  std::stop_source stop;
  stop.request_stop();
  PauseClock::System()->Sleep(std::chrono::hours(1), stop.get_token());
  const auto before = PauseClock::System()->Now();
  PauseClock::System()->Sleep(milliseconds(2), {});
  EXPECT_GE(PauseClock::System()->Now() - before, milliseconds(2));
}

}  // namespace
}  // namespace jammi::events
