#include "jammi/events/text_redaction.h"

#include <gmock/gmock.h>

namespace jammi::events {
namespace {

// T53 to T58, SNK-050, SNK-051
TEST(TextRedactionTest, T53T54T55T56T57T58AddressesLoseTheirCredentials) {
  EXPECT_EQ(RedactUrlCredentials("nats://u:p@h:4222"), "nats://h:4222");  // T53
  EXPECT_EQ(RedactUrlCredentials("nats://tok@h"), "nats://h");            // T54
  EXPECT_EQ(RedactUrlCredentials("nats://h:4222"), "nats://h:4222");      // T55
  EXPECT_EQ(RedactUrlCredentials("nats://a:b@h1:4222,nats://c:d@h2:4222"),
            "nats://<redacted>h1:4222,nats://<redacted>h2:4222");                  // T56
  EXPECT_EQ(RedactUrlCredentials("tls://u:p%40@[::1]:4222"), "tls://[::1]:4222");  // T57
  EXPECT_EQ(RedactUrlCredentials("nats://u:p@ss@h"), "nats://h");                  // T58
  EXPECT_EQ(RedactUrlCredentials("nats://u:p/w@h"), "nats://<redacted>h");
}

// T59, SNK-052
TEST(TextRedactionTest, T59AnAddressThatIsEchoedIsRedacted) {
  EXPECT_EQ(RedactUrlInText("dial nats://u:p@h failed", "nats://u:p@h"), "dial nats://h failed");
  EXPECT_EQ(RedactUrlCredentials("dial nats://u:p@h failed"), "dial nats://<redacted>h failed");
  EXPECT_EQ(RedactUrlInText("dial nats://u:p@h failed", ""), "dial nats://<redacted>h failed");
}

// T60
TEST(TextRedactionTest, T60MailIsNoCredential) {
  EXPECT_EQ(RedactUrlCredentials("mail me@x.y"), "mail me@x.y");
  EXPECT_EQ(RedactUrlCredentials("at 12:30 @ noon"), "at 12:30 @ noon");
}

// W10: what the published family lets through.
TEST(TextRedactionTest, W10NothingLeaks) {
  constexpr const char* kLeaks[] = {
      "u:secret@h",
      "nats:u:secret@h",
      "u:x@h,nats://u:secret@i",
      "nats://u:x@h1,nats://v:secret@h2",
      "nats://a:secret@u:1/secret@h",
      "see 'nats://u:secret@h' and \"v:secret@i\"",
      "nats://u:x@h nats://v:secret@i",
      "nats://u:secret@h1,v:secret@h2",
      "https://u:secret@h/a?b=c,http://v:secret@i",
      "nats://u:secret@h\nnats://v:secret@i",
      "NATS://u:sec@secret@h",
  };
  for (const auto* const text : kLeaks) {
    EXPECT_THAT(RedactUrlCredentials(text), testing::Not(testing::HasSubstr("secret"))) << text;
    EXPECT_THAT(RedactUrlInText(text, "nats://other"), testing::Not(testing::HasSubstr("secret"))) << text;
  }
}

// W10: also in a query.
TEST(TextRedactionTest, W10SecretsOfAQuery) {
  EXPECT_EQ(RedactUrlCredentials("nats://h?token=t0p&a=1"), "nats://h?token=<redacted>&a=1");
  EXPECT_EQ(RedactUrlCredentials("https://u:p@h/x?a=1&Password=t0p#f"),
            "https://h/x?a=1&Password=<redacted>#f");
  EXPECT_EQ(RedactUrlInText("dial nats://h?seed=t0p failed", ""), "dial nats://h?seed=<redacted> failed");
  EXPECT_EQ(RedactUrlCredentials("https://h/?tokens=2&x"), "https://h/?tokens=2&x");
  EXPECT_EQ(RedactUrlCredentials("really?token"), "really?token");
}

TEST(TextRedactionTest, WhatIsRedactedStaysAsItIs) {
  for (const auto* const text : {"nats://<redacted>h:4222", "dial nats://h failed", "", "://", "@", "a://",
                                 "a://@", "://@h", "nats://[::1", "nats://u:p@[::1", "x:@"}) {
    const std::string once = RedactUrlCredentials(text);
    EXPECT_EQ(RedactUrlCredentials(once), once) << text;
  }
}

}  // namespace
}  // namespace jammi::events
