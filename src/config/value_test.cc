#include "config/value.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

TEST(Value, SizesInEveryUnit) {
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

TEST(Value, ASizePrintsShortAndReadsBack) {
  EXPECT_EQ(FormatSize(16 << 20), "16MiB");
  EXPECT_EQ(FormatSize(1'000'000'000), "1GB");
  EXPECT_EQ(FormatSize(1500), "1500");
  EXPECT_EQ(FormatSize(0), "0");
  for (const int64_t bytes :
       {int64_t{0}, int64_t{1}, int64_t{1023}, int64_t{65536}, int64_t{12'000'000}, INT64_MAX}) {
    EXPECT_EQ(ParseSize(FormatSize(bytes)), bytes);
  }
}

TEST(Value, AsToml) {
  EXPECT_EQ(ToToml(SettingType::kBool, true), "true");
  EXPECT_EQ(ToToml(SettingType::kInteger, int64_t{65536}), "65536");
  EXPECT_EQ(ToToml(SettingType::kSize, int64_t{65536}), "\"64KiB\"");
  EXPECT_EQ(ToToml(SettingType::kSize, int64_t{1500}), "1500");
  EXPECT_EQ(ToToml(SettingType::kFloat, 1.0), "1.0");
  EXPECT_EQ(ToToml(SettingType::kFloat, 0.0002), "0.0002");
  EXPECT_EQ(ToToml(SettingType::kText, std::string("a\"\\\n\x01")), R"("a\"\\\n\u0001")");
  EXPECT_EQ(ToToml(SettingType::kTextList, TextList{"a", "b"}), R"(["a", "b"])");
  EXPECT_EQ(ToToml(SettingType::kTextMap, TextMap{}), "{}");
  EXPECT_EQ(ToToml(SettingType::kTextMap, TextMap{{"X-Key", "v"}}), R"({ "X-Key" = "v" })");
}

TEST(Value, Cfg021Addresses) {
  for (const auto* text : {"127.0.0.1:8080", "0.0.0.0:0", "[::1]:65535", "[::]:1"}) {
    EXPECT_EQ(CheckAddress(text), "") << text;
  }
  for (const auto* text :
       {"not-an-address", "localhost:80", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:-1",
        "::1:80", "[127.0.0.1]:80", "1.2.3:80", "1.2.3.4:80 ", ""}) {
    EXPECT_NE(CheckAddress(text), "") << text;
  }
  EXPECT_TRUE(ParseAddress("[::]:1").any);
  EXPECT_EQ(ParseAddress("[0:0::1]:9").host, "::1");
}

TEST(Value, MemoryLimits) {
  for (const auto* text : {"auto", "75%", "100%", "8GiB", "4096"})
    EXPECT_EQ(CheckMemoryLimit(text), "") << text;
  for (const auto* text : {"", "0%", "101%", "%", "much", "0", "-1"})
    EXPECT_NE(CheckMemoryLimit(text), "") << text;
}

TEST(Value, LogFilters) {
  for (const auto* text : {"info", "off", "jammi_ai=info,jammi_db=debug", "warn, x=trace"}) {
    EXPECT_EQ(CheckLogFilter(text), "") << text;
  }
  for (const auto* text : {"", "inof", "x=", "=info", "info,,warn", "x=loud"}) {
    EXPECT_NE(CheckLogFilter(text), "") << text;
  }
}

TEST(Value, StorageUrls) {
  for (const auto* text : {"s3://b/k", "memory:///x", "/var/lib/x", "rel/x", "gcs://b", "abfss://c@a/x"}) {
    EXPECT_EQ(CheckStorageUrl(text), "") << text;
  }
  for (const auto* text : {"", "ftp://host/foo", "S3://b"}) EXPECT_NE(CheckStorageUrl(text), "") << text;
}

}  // namespace
}  // namespace jammi
