// Answers that a real server does not give, from one that does.
#include <gmock/gmock.h>

#include "base/log.h"
#include "jammi/events/event.h"
#include "jammi/events/fault.h"
#include "jammi/events/jetstream_sink.h"
#include "support/fake_nats_server.h"

namespace jammi::events {
namespace {

using test::FakeNatsServer;
using Answer = FakeNatsServer::Answer;

class SinkAckTest : public testing::Test {
 protected:
  SinkAckTest() { SetLog(LogLevel::kOff, LogFormat::kText); }
  ~SinkAckTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  // What Emit() makes of an answer; "ok" or the name of the fault.
  std::string Emit(const std::optional<Answer>& answer, JetStreamSinkOptions options = {},
                   bool headers = true) {
    server_.emplace([answer](const auto&) { return answer; }, headers);
    options.ack_timeout = std::chrono::milliseconds(200);
    auto made = JetStreamSink::Connect(Secret(server_->Url()), "s", options);
    if (!made) return made.error().ToString();
    sink_ = *std::move(made);
    const auto result = sink_->Emit({.id = "e1", .source = "/s", .type = "t"});
    return result ? "ok" : std::string(ToString(FaultOf(result.error())));
  }
  std::string Emit(const std::string& body) {
    JetStreamSinkOptions options;
    options.publish_attempts = 1;
    return Emit(Answer{.body = body}, options);
  }

  std::optional<FakeNatsServer> server_;
  std::unique_ptr<JetStreamSink> sink_;
};

// T70, SNK-060
TEST_F(SinkAckTest, T70StreamAndSequenceAreASuccess) {
  EXPECT_EQ(Emit(R"({"stream":"S","seq":7})"), "ok");
  EXPECT_EQ(Emit(R"({"stream":"S","seq":18446744073709551615,"domain":"hub","other":{}})"), "ok");
}

// T71
TEST_F(SinkAckTest, T71ADuplicateIsASuccess) {
  EXPECT_EQ(Emit(R"({"stream":"S","seq":7,"duplicate":true})"), "ok");
  EXPECT_EQ(sink_->counters().duplicate.value(), 1U);
}

// T72, section 7
TEST_F(SinkAckTest, T72WhatTheServerRefusesForGoodIsRejected) {
  for (const int code : {10054, 10097, 10060, 10070, 10071, 10109}) {
    EXPECT_EQ(Emit(R"({"error":{"code":400,"err_code":)" + std::to_string(code) + "}}"), "Rejected") << code;
    EXPECT_TRUE(sink_->DebugState().connected);
  }
  EXPECT_EQ(Emit(R"({"error":{"code":503,"err_code":10070}})"), "Rejected");  // its own code counts more
  EXPECT_EQ(Emit(R"({"error":{"code":404,"err_code":19999,"description":"new"}})"), "Rejected");
}

// T73
TEST_F(SinkAckTest, T73WhatMayPassIsUnavailable) {
  for (const int code : {10008, 10009, 10023, 10028, 10047, 10076, 10039, 10077, 10118}) {
    EXPECT_EQ(Emit(R"({"error":{"code":400,"err_code":)" + std::to_string(code) + "}}"), "Unavailable")
        << code;
    EXPECT_FALSE(sink_->DebugState().connected);
  }
  EXPECT_EQ(Emit(R"({"error":{"code":500,"err_code":19999}})"), "Unavailable");
  EXPECT_EQ(Emit(R"({"error":{}})"), "Unavailable");
}

TEST_F(SinkAckTest, WhatMayPassIsTriedAgain) {
  EXPECT_EQ(Emit(Answer{.body = R"({"error":{"code":503,"err_code":10008}})"}), "Unavailable");
  EXPECT_EQ(server_->published().size(), 3U);
}

// T74
TEST_F(SinkAckTest, T74NobodyThereThreeTimesIsNoStream) {
  EXPECT_EQ(Emit(Answer{.headers = "NATS/1.0 503\r\n\r\n"}), "NoStream");
  EXPECT_EQ(server_->published().size(), 3U);
  EXPECT_FALSE(sink_->DebugState().connected);
}

// T75
TEST_F(SinkAckTest, T75WhatIsNoAcknowledgementIsABadOne) {
  for (const auto* const body :
       {"{}", "", "yes", "[]", "null", "{\"stream\":\"S\"", R"({"stream":"S"})", R"({"stream":"","seq":7})",
        R"({"stream":"S","seq":0})", R"({"stream":"S","seq":-7})", R"({"stream":"S","seq":"7"})",
        R"({"stream":7,"seq":7})", R"({"stream":"S","seq":7,"duplicate":"no"})", R"({"error":"no"})",
        "\xFF\xFE"}) {
    EXPECT_EQ(Emit(body), "BadAck") << body;
  }
}

// T76, SNK-062
TEST_F(SinkAckTest, T76SilenceIsATimeout) {
  EXPECT_EQ(JetStreamSinkOptions{}.ack_timeout, std::chrono::seconds(5));
  JetStreamSinkOptions options;
  options.publish_attempts = 2;
  EXPECT_EQ(Emit(std::nullopt, options), "AckTimeout");
  EXPECT_EQ(server_->published().size(), 2U);
}

// T77, SNK-063: a server that does not look at the header.
TEST_F(SinkAckTest, T77AnotherStreamThanTheExpectedOneIsARejection) {
  JetStreamSinkOptions options;
  options.expected_stream = "S";
  EXPECT_EQ(Emit(Answer{.body = R"({"stream":"T","seq":7})"}, options), "Rejected");
  EXPECT_THAT(server_->published().at(0).headers, testing::HasSubstr("Nats-Expected-Stream: S\r\n"));
}

// SNK-064: the server says that it knows no headers.
TEST_F(SinkAckTest, AServerWithoutHeadersGetsThePayloadAlone) {
  EXPECT_EQ(Emit(Answer{.body = R"({"stream":"S","seq":7})"}, {}, false), "ok");
  EXPECT_EQ(server_->published().at(0).headers, "");
  EXPECT_THAT(server_->published().at(0).body, testing::StartsWith(R"({"specversion":"1.0","id":"e1")"));
}

}  // namespace
}  // namespace jammi::events
