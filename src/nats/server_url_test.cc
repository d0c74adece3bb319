#include "nats/server_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace jammi::nats {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(ServerUrl, OneAndSeveral) {
  EXPECT_THAT(ParseServerUrls("nats://host")->addresses, ElementsAre("nats://host:4222"));
  EXPECT_THAT(ParseServerUrls(" a:1, nats://b:2/ ,[::1]:3")->addresses,
              ElementsAre("nats://a:1", "nats://b:2", "nats://[::1]:3"));
  EXPECT_FALSE(ParseServerUrls("nats://host")->tls);
  EXPECT_TRUE(ParseServerUrls("nats://host,TLS://other")->tls);
}

TEST(ServerUrl, CredentialsAreTakenOutOfTheAddress) {
  const auto user = ParseServerUrls("nats://us%40er:p%3Aw@d@host:1");
  ASSERT_TRUE(user) << user.error().ToString();
  EXPECT_EQ(user->user, "us@er");
  EXPECT_EQ(user->password.Reveal(), "p:w@d");
  EXPECT_THAT(user->addresses, ElementsAre("nats://host:1"));
  const auto token = ParseServerUrls("nats://t0k3n@a,nats://t0k3n@b,c");
  ASSERT_TRUE(token) << token.error().ToString();
  EXPECT_EQ(token->token.Reveal(), "t0k3n");
  EXPECT_THAT(token->addresses, ElementsAre("nats://a:4222", "nats://b:4222", "nats://c:4222"));
}

TEST(ServerUrl, WhatIsWrongIsNamedByItsPlaceAndNothingSecretIsQuoted) {
  for (const auto* text :
       {"", "nats://", "http://hunter2@host", "nats://u:hunter2@host:port", "nats://u:hunter2@host:0",
        "nats://u:hunter2@", "nats://u:hunter2%4@host", "nats://u:other@a,nats://u:hunter2@b",
        "nats://u:hunter2@ho st", "nats://:hunter2@host", "nats://u:hunter2@[::1"}) {
    const auto refused = ParseServerUrls(text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << text;
    EXPECT_THAT(refused.error().message(), HasSubstr("NATS server address ")) << text;
    EXPECT_THAT(refused.error().message(), Not(HasSubstr("hunter2"))) << text;
  }
}

}  // namespace
}  // namespace jammi::nats
