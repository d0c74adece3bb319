#include "base/time_text.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace jammi {
namespace {

TEST(TimeTextTest, IsCutOffTowardsThePastAndReadBack) {
  const auto text = [](UnixMicros time, TimeFraction fraction) {
    std::string out;
    AppendTime(time, fraction, out);
    return out;
  };
  using enum TimeFraction;
  EXPECT_EQ(text(-1, kNone), "1969-12-31T23:59:59Z");
  EXPECT_EQ(text(-1, kMicros), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(text(0, kShortest), "1970-01-01T00:00:00Z");
  EXPECT_EQ(text(120'000, kShortest), "1970-01-01T00:00:00.120Z");
  EXPECT_EQ(text(120'001, kShortest), "1970-01-01T00:00:00.120001Z");
  std::mt19937_64 random(3);
  std::uniform_int_distribution<UnixMicros> times(-62'167'219'200'000'000, 253'402'300'799'999'999);
  for (int i = 0; i < 10'000; ++i) {
    const UnixMicros time = times(random);
    ASSERT_TRUE(HasTimeText(time));
    EXPECT_EQ(ParseTime(text(time, kMicros)), time);
  }
  EXPECT_EQ(ParseTime("2026-08-05T12:00:00.123456789Z"), ParseTime("2026-08-05T12:00:00.123456Z"));
  for (const char* bad : {"", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z",
                          "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1234567890Z",
                          "2026-01-01 00:00:00Z", "2026-01-01T00:00:00Z ", "2026-13-01T00:00:00Z"}) {
    EXPECT_FALSE(ParseTime(bad)) << bad;
  }
}

}  // namespace
}  // namespace jammi
