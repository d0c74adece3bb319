// What a JetStream answers, however it is written.
#include "nats/publish_answer.h"

#include <gtest/gtest.h>

namespace jammi::nats {
namespace {

using Kind = PublishFailure::Kind;

TEST(PublishAnswer, AnAcknowledgementInEveryForm) {
  for (const auto* const body :
       {R"({"stream":"S","seq":18})", R"({"stream":"S", "seq":18})", R"({ "seq" : 18 , "stream" : "S" })",
        R"({"stream":"\u0053","seq":18})", R"({"stream":"S","seq":18,"val":"1"})"}) {
    const auto read = ReadPublishAnswer(body);
    ASSERT_TRUE(read) << body;
    EXPECT_EQ(read->stream, "S") << body;
    EXPECT_EQ(read->sequence, 18U) << body;
    EXPECT_FALSE(read->duplicate) << body;
    EXPECT_EQ(read->domain, "") << body;
  }
  const auto all =
      ReadPublishAnswer(R"({"stream":"S","domain":"D","seq":18446744073709551615,"duplicate":true})");
  ASSERT_TRUE(all);
  EXPECT_EQ(all->sequence, UINT64_MAX);
  EXPECT_EQ(all->domain, "D");
  EXPECT_TRUE(all->duplicate);
}

TEST(PublishAnswer, ARefusalSaysWhy) {
  const auto read = ReadPublishAnswer(
      R"({"error":{"code":503,"err_code":10077,"description":"full"},"stream":"S","seq":0})");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().kind, Kind::kRefused);
  EXPECT_EQ(read.error().code, 503);
  EXPECT_EQ(read.error().api_code, 10077);
}

TEST(PublishAnswer, WhatIsNoAcknowledgementIsNoSuccess) {
  for (const auto* const body :
       {"", "{}", "null", R"({"stream":"S"})", R"({"stream":"","seq":1})", R"({"stream":"S","seq":0})",
        R"({"stream":"S","seq":01})", R"({"stream":"S","seq":-1})", R"({"stream":"S","seq":1.5})",
        R"({"stream":"S","seq":"1"})", R"({"stream":"S","seq":18446744073709551616})",
        R"({"stream":"S","seq":1}})", R"({"stream":"S","seq":1)", R"({"stream":"S","seq":})",
        R"({"stream":"S""seq":1})", "{\"stream\":\"S\xff\",\"seq\":1}", "{\"stream\":\"S\n\",\"seq\":1}"}) {
    const auto read = ReadPublishAnswer(body);
    ASSERT_FALSE(read) << body;
    EXPECT_EQ(read.error().kind, Kind::kBadAnswer) << body;
  }
}

}  // namespace
}  // namespace jammi::nats
