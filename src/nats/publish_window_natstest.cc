// Asynchronous publishes: order, bounds, and one outcome each whatever happens.
#include "nats/publish_window.h"

#include <map>

#include "nats/test_support.h"

namespace jammi::nats {
namespace {

using testing::ElementsAre;

class PublishWindowTest : public NatsTest {
 protected:
  PublishWindowTest() {
    EXPECT_TRUE(JetStream(*connection_).EnsureStream({.name = "s", .subjects = {"s.>"}}));
  }

  struct Outcome {
    int number;
    Result<PublishAck> result;
  };
  void Publish(PublishWindow& window, int number, const std::string& id = {}) {
    OutMessage message{.subject = "s.a", .headers = {}, .body = "body"};
    if (!id.empty()) message.headers.emplace_back("Nats-Msg-Id", id);
    window.Publish(message, [this, number](PublishOutcome outcome) {
      outcomes_.Put({number, ToResult(std::move(outcome))});
    });
  }
  // A server's configuration: what the user u may publish.
  static std::string Permitting(const std::string& publish) {
    return fmt::format(
        "authorization {{ users: [{{ user: u, password: p, permissions: {{ publish: {} }} }}] }}\n", publish);
  }
  std::vector<ErrorCode> Codes(size_t count) {
    std::vector<ErrorCode> codes;
    for (const auto& outcome : outcomes_.Await(count))
      codes.push_back(outcome.result ? ErrorCode::kInternal : outcome.result.error().code());
    return codes;
  }

  Server server_{Server::Options{.version = GetParam(), .max_payload = 4096}};
  const std::shared_ptr<Connection> connection_ = Connect(To(server_.Url()));
  Mailbox<Outcome> outcomes_;
};
JAMMI_ON_EVERY_NATS(PublishWindowTest);

TEST_P(PublishWindowTest, EveryMessageIsAcknowledgedOnceInOrder) {
  PublishWindow window(connection_);
  for (int i = 0; i < 1000; ++i) Publish(window, i);
  const auto outcomes = outcomes_.Await(1000);
  ASSERT_EQ(outcomes.size(), 1000U);
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(outcomes[i].result) << outcomes[i].result.error().ToString();
    EXPECT_EQ(outcomes[i].number, i);
    EXPECT_EQ(outcomes[i].result->sequence, static_cast<uint64_t>(i) + 1);
    EXPECT_EQ(outcomes[i].result->stream, "s");
  }
  EXPECT_EQ(window.pending(), 0U);
}

TEST_P(PublishWindowTest, AMessageIdThatComesAgainIsTheSameMessage) {
  PublishWindow window(connection_);
  Publish(window, 0, "id");
  Publish(window, 1, "id");
  const auto outcomes = outcomes_.Await(2);
  EXPECT_FALSE(outcomes[0].result->duplicate);
  EXPECT_TRUE(outcomes[1].result->duplicate);
  EXPECT_EQ(outcomes[1].result->sequence, 1U);
}

TEST_P(PublishWindowTest, TheWindowIsBoundedInMessagesAndBytes) {
  PublishWindow few(connection_, {.messages = 3});
  PublishWindow small(connection_, {.bytes = 9});
  server_.Suspend();  // nothing is acknowledged
  for (int i = 0; i < 4; ++i) Publish(few, i);
  EXPECT_THAT(Codes(1), ElementsAre(ErrorCode::kResourceExhausted));
  EXPECT_EQ(few.pending(), 3U);
  for (int i = 0; i < 3; ++i) Publish(small, i);  // of 4 bytes
  EXPECT_THAT(Codes(2), ElementsAre(ErrorCode::kResourceExhausted, ErrorCode::kResourceExhausted));
  EXPECT_EQ(few.PublishAndWait({.subject = "s.a", .headers = {}, .body = ""}, Deadline::Now()).error().code(),
            ErrorCode::kDeadlineExceeded);
  server_.Resume();
  NATS_OK_OR_FAIL(few.PublishAndWait({.subject = "s.a", .headers = {}, .body = ""}, Soon()));
  EXPECT_EQ(outcomes_.Await(7).size(), 7U);
}

TEST_P(PublishWindowTest, ALostConnectionLeavesTheOutcomeUnknownAndThenNothingIsSent) {
  PublishWindow window(connection_, {.acknowledge_within = std::chrono::hours(1)});  // it is told at once
  server_.Suspend();
  for (int i = 0; i < 3; ++i) Publish(window, i, std::to_string(i));
  server_.Kill();
  EXPECT_THAT(Codes(3), testing::Each(ErrorCode::kOutcomeUnknown));
  Publish(window, 3);
  EXPECT_EQ(Codes(4).at(3), ErrorCode::kUnavailable);
  EXPECT_EQ(window.pending(), 0U);
  // With the same ids they can be sent again.
  server_.Start();
  NATS_OK_OR_FAIL(connection_->AwaitConnected(Soon()));
  for (int i = 0; i < 3; ++i) Publish(window, i, std::to_string(i));
  const auto outcomes = outcomes_.Await(7);
  for (size_t i = 4; i < 7; ++i) EXPECT_TRUE(outcomes.at(i).result) << outcomes[i].result.error().ToString();
}

TEST_P(PublishWindowTest, WithoutAnAcknowledgementInTimeTheOutcomeIsUnknown) {
  auto patient = To(server_.Url());
  patient.ping_interval = std::chrono::hours(1);
  const auto connection = Connect(patient);
  PublishWindow window(connection, {.acknowledge_within = std::chrono::milliseconds(50)});
  server_.Suspend();
  Publish(window, 0);
  EXPECT_THAT(Codes(1), ElementsAre(ErrorCode::kOutcomeUnknown));
  server_.Resume();  // what comes now is too late, and told to nobody
  NATS_OK_OR_FAIL(window.PublishAndWait({.subject = "s.a", .headers = {}, .body = ""}, Soon()));
  EXPECT_EQ(outcomes_.size(), 1U);
}

TEST_P(PublishWindowTest, NoStreamAndTooLargeAreTypedAndHoldNobodyUp) {
  PublishWindow window(connection_);
  window.Publish({.subject = "elsewhere", .headers = {}, .body = ""}, [this](PublishOutcome outcome) {
    outcomes_.Put({0, ToResult(std::move(outcome))});
  });
  EXPECT_THAT(Codes(1), ElementsAre(ErrorCode::kNotFound));
  const std::string large(5000, 'x');
  window.Publish({.subject = "s.a", .headers = {}, .body = large}, [this](PublishOutcome outcome) {
    outcomes_.Put({1, ToResult(std::move(outcome))});
  });
  EXPECT_EQ(Codes(2).at(1), ErrorCode::kResourceExhausted);
  Publish(window, 2);
  EXPECT_TRUE(outcomes_.Await(3).at(2).result);
}

TEST_P(PublishWindowTest, WhatWasNotSentTakesNoRoom) {
  PublishWindow window(connection_, {.bytes = 20});
  const std::string large(5000, 'x');
  EXPECT_EQ(window.PublishAndWait({.subject = "s.a", .headers = {}, .body = large}, Soon()).error().code(),
            ErrorCode::kResourceExhausted);
  server_.Suspend();                               // nothing is acknowledged
  for (int i = 0; i < 2; ++i) Publish(window, i);  // of 4 bytes
  EXPECT_EQ(window.pending(), 2U);
  server_.Resume();
  for (const auto& outcome : outcomes_.Await(2)) EXPECT_TRUE(outcome.result);
}

// SNK-065: the server names the subject only, and long before the time for an acknowledgement is over.
TEST_P(PublishWindowTest, WhatWeMayNotPublishIsToldAtOnce) {
  Server server({.version = GetParam(), .configuration = Permitting(R"({ allow: ">" })")});
  const auto connection = Connect(To(fmt::format("nats://u:p@127.0.0.1:{}", server.port())));
  NATS_OK_OR_FAIL(JetStream(*connection).EnsureStream({.name = "s", .subjects = {"s.>"}}));
  PublishWindow window(connection, {.acknowledge_within = std::chrono::hours(1)});
  Publish(window, 0);
  ASSERT_TRUE(outcomes_.Await(1).at(0).result);
  server.Reconfigure(Permitting(R"({ deny: "s.a" })"));  // withdrawn
  NATS_OK_OR_FAIL(connection->AwaitConnected(Soon()));
  Publish(window, 1);
  Publish(window, 2);
  window.Publish({.subject = "s.b", .headers = {}, .body = ""}, [this](PublishOutcome outcome) {
    outcomes_.Put({3, ToResult(std::move(outcome))});
  });
  std::map<int, std::string> codes;
  for (const auto& [number, result] : outcomes_.Await(4))
    codes[number] = result ? "ok" : std::string(ToString(result.error().code()));
  const std::string denied(ToString(ErrorCode::kPermissionDenied));
  EXPECT_THAT(codes, ElementsAre(testing::Pair(0, "ok"), testing::Pair(1, denied), testing::Pair(2, denied),
                                 testing::Pair(3, "ok")));
  EXPECT_EQ(window.pending(), 0U);
}

// Of a long subject we are told the beginning, which others on their way may share.
TEST_P(PublishWindowTest, ALongSubjectThatWeMayNotPublishToIsToldAtOnce) {
  const Server server({.version = GetParam(), .configuration = Permitting(R"({ deny: "s.*.denied" })")});
  const auto connection = Connect(To(fmt::format("nats://u:p@127.0.0.1:{}", server.port())));
  NATS_OK_OR_FAIL(JetStream(*connection).EnsureStream({.name = "s", .subjects = {"s.>"}}));
  PublishWindow window(connection, {.acknowledge_within = std::chrono::hours(1)});
  const std::string token(1000, 'x');
  const std::vector<std::string> ends = {"allowed", "denied", "denied", "allowed"};
  for (size_t i = 0; i < ends.size(); ++i) {
    window.Publish({.subject = fmt::format("s.{}.{}", token, ends[i]), .headers = {}, .body = ""},
                   [this, number = static_cast<int>(i)](PublishOutcome outcome) {
                     outcomes_.Put({number, ToResult(std::move(outcome))});
                   });
  }
  for (const auto& [number, result] : outcomes_.Await(ends.size())) {
    if (ends[static_cast<size_t>(number)] == "allowed") {
      EXPECT_TRUE(result) << result.error().ToString();
    } else {
      EXPECT_EQ(result.error().code(), ErrorCode::kPermissionDenied);
      EXPECT_THAT(result.error().message(), testing::HasSubstr(token + ".denied"));
    }
  }
  EXPECT_EQ(window.pending(), 0U);
}

TEST_P(PublishWindowTest, CloseTellsWhatIsPending) {
  PublishWindow window(connection_);
  server_.Suspend();
  Publish(window, 0);
  window.Close();
  Publish(window, 1);
  EXPECT_THAT(Codes(2), ElementsAre(ErrorCode::kCancelled, ErrorCode::kCancelled));
}

TEST_P(PublishWindowTest, ACallbackMayPublish) {
  PublishWindow window(connection_);
  window.Publish({.subject = "s.a", .headers = {}, .body = ""}, [&](PublishOutcome first) {
    outcomes_.Put({0, ToResult(std::move(first))});
    Publish(window, 1);
  });
  EXPECT_TRUE(outcomes_.Await(2).at(1).result);
}

}  // namespace
}  // namespace jammi::nats
