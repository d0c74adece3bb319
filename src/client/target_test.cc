#include "client/target.h"

#include <gmock/gmock.h>

namespace jammi {
namespace {

using testing::HasSubstr;

TEST(ServerTargetTest, Cli002SchemesSayWhetherThereIsTls) {
  const auto tls = [](std::string_view text) { return ParseServerTarget(text)->tls; };
  for (const auto* plain : {"grpc://h:1", "http://h:1", "h:1", "GRPC://h:1"})
    EXPECT_FALSE(tls(plain)) << plain;
  for (const auto* secret : {"grpcs://h:1", "https://h:1", "HTTPS://h:1"}) EXPECT_TRUE(tls(secret)) << secret;
}

TEST(ServerTargetTest, TheAuthorityIsWhatFollowsTheScheme) {
  const auto authority = [](std::string_view text) { return ParseServerTarget(text)->authority; };
  EXPECT_EQ(authority("grpc://db.example:9000"), "db.example:9000");
  EXPECT_EQ(authority("grpc://db.example:9000/"), "db.example:9000");
  EXPECT_EQ(authority("127.0.0.1:65535"), "127.0.0.1:65535");
  EXPECT_EQ(authority("[::1]:8081"), "[::1]:8081");
  EXPECT_EQ(authority("grpc://[::1]"), "[::1]:8081");
  EXPECT_EQ(authority("localhost"), "localhost:8081");
}

TEST(ServerTargetTest, Cli002WhatIsNoTargetIsRefused) {
  const auto why = [](std::string_view text) {
    const auto target = ParseServerTarget(text);
    EXPECT_FALSE(target) << text;
    EXPECT_EQ(target ? ErrorCode::kInternal : target.error().code(), ErrorCode::kInvalidArgument);
    return target ? std::string() : target.error().message();
  };
  EXPECT_THAT(why("ftp://h:1"), HasSubstr("unsupported --target scheme 'ftp'"));
  EXPECT_THAT(why("file:///data"), HasSubstr("unsupported --target scheme 'file'"));
  EXPECT_THAT(why("://h:1"), HasSubstr("unsupported --target scheme ''"));
  for (const auto* none : {"", "grpc://", ":8081", "grpc:///", "[]:8081", "::1"})
    EXPECT_THAT(why(none), HasSubstr("there is no host")) << none;
  for (const auto* bad : {"h:0", "h:65536", "h:", "h:80x", "h:-1", "h:1:2"})
    EXPECT_THAT(why(bad), HasSubstr("is not a port")) << bad;
  for (const auto* more : {"grpc://h:1/x", "grpc://me@h:1", "h:1?x", "h h:1", "h:1,i:1"})
    EXPECT_THAT(why(more), HasSubstr("more than a host and a port")) << more;
  EXPECT_THAT(why("[::1:8081"), HasSubstr("bracket"));
}

}  // namespace
}  // namespace jammi
