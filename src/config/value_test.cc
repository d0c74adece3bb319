#include "config/value.h"

#include <gtest/gtest.h>

namespace jammi {
namespace {

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
