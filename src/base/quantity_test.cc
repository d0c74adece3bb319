#include "base/quantity.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

using std::chrono::milliseconds;

TEST(Quantity, SizesInEveryUnit) {
  EXPECT_EQ(ParseSize("4096"), 4096);
  EXPECT_EQ(ParseSize("16MiB"), 16 << 20);
  EXPECT_EQ(ParseSize("16 mib"), 16 << 20);
  EXPECT_EQ(ParseSize("1GB"), 1'000'000'000);
  EXPECT_EQ(ParseSize("2TiB"), int64_t{2} << 40);
  EXPECT_EQ(ParseSize("7B"), 7);
  for (const auto* text :
       {"", "MiB", "1.5GB", "-1", "1 GiBs", "1G", "0x10", "9999999TiB", "99999999999999999999"}) {
    EXPECT_FALSE(ParseSize(text)) << text;
  }
}

TEST(Quantity, ASizePrintsShortAndReadsBack) {
  EXPECT_EQ(FormatSize(16 << 20), "16MiB");
  EXPECT_EQ(FormatSize(1'000'000'000), "1GB");
  EXPECT_EQ(FormatSize(1500), "1500");
  EXPECT_EQ(FormatSize(0), "0");
  for (const int64_t bytes :
       {int64_t{0}, int64_t{1}, int64_t{1023}, int64_t{65536}, int64_t{12'000'000}, INT64_MAX}) {
    EXPECT_EQ(ParseSize(FormatSize(bytes)), bytes);
  }
}

TEST(Quantity, DurationsAlwaysHaveAUnit) {
  EXPECT_EQ(ParseDuration("250ms"), milliseconds(250));
  EXPECT_EQ(ParseDuration("5 S"), milliseconds(5000));
  EXPECT_EQ(ParseDuration("90d"), std::chrono::hours(24 * 90));
  for (const auto* bad : {"", "5", "s", "1.5s", "-1s", "1w", "9999999999999999d"}) {
    EXPECT_FALSE(ParseDuration(bad)) << bad;
  }
  EXPECT_EQ(ParseDuration("5").error(), "expected a duration such as \"250ms\", \"5s\" or \"2m\"");
}

TEST(Quantity, ADurationPrintsShortAndReadsBack) {
  for (const int64_t number : {0LL, 1LL, 999LL, 1000LL, 1500LL, 60'000LL, 90'000LL, 7'776'000'000LL}) {
    EXPECT_EQ(ParseDuration(FormatDuration(milliseconds(number))), milliseconds(number));
  }
  EXPECT_EQ(FormatDuration(milliseconds(120'000)), "2m");
  EXPECT_EQ(FormatDuration(milliseconds(1500)), "1500ms");
}

}  // namespace
}  // namespace jammi
