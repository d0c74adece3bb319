// The sink and a real server: what is stored, who may, and everything that goes wrong on the way.
#include <algorithm>

#include "events/prepared_event.h"
#include "events/sink_natstest_fixture.h"
#include "jammi/events/content_mode.h"
#include "support/tcp_proxy.h"

namespace jammi::events {
namespace {

using nats::AwaitTrue;
using nats::Mailbox;
using nats::Soon;
using testing::HasSubstr;
using testing::Not;

class JetStreamSinkNatsTest : public SinkNatsTest {
 protected:
  JetStreamSinkNatsTest() { MakeStream(server_.Url()); }

  // The message ids in the stream, in its order.
  std::vector<std::string> Ids() {
    const auto connection = Connect(To(server_.Url()));
    const nats::JetStream jetstream(*connection);
    std::vector<std::string> ids;
    const uint64_t last = jetstream.FindStream("s")->last_sequence;
    for (uint64_t at = 1; at <= last; ++at) {
      const auto message = jetstream.Peek("s", "s.>", at);
      if (message && *message) ids.emplace_back((*message)->Header("Nats-Msg-Id").value_or("none"));
    }
    return ids;
  }

  Server server_{Server::Options{.version = GetParam(), .max_payload = 4096}};
};
JAMMI_ON_EVERY_NATS(JetStreamSinkNatsTest);

// SNK-001, SNK-061
TEST_P(JetStreamSinkNatsTest, SuccessMeansThatTheStreamHasIt) {
  const auto sink = ConnectSink(server_.Url());
  EXPECT_EQ(Emit(*sink, "a"), "ok");
  EXPECT_EQ(Stored(server_.Url()), 1U);
  EXPECT_EQ(sink->counters().acked.value(), 1U);
}

// Section 9: the same event is stored once; T71 on a real server.
TEST_P(JetStreamSinkNatsTest, T71TheSameEventAgainIsASuccessAndStoredOnce) {
  const auto sink = ConnectSink(server_.Url());
  EXPECT_EQ(Emit(*sink, "a"), "ok");
  EXPECT_EQ(Emit(*sink, "a"), "ok");
  EXPECT_EQ(Stored(server_.Url()), 1U);
  EXPECT_EQ(sink->counters().duplicate.value(), 1U);
}

// T74, SNK-032, W01
TEST_P(JetStreamSinkNatsTest, T74W01WithoutAStreamTheCircuitOpensUntilThereIsOne) {
  const auto connection = Connect(To(server_.Url()));
  ASSERT_TRUE(nats::JetStream(*connection).DeleteStream("s"));
  const auto sink = ConnectSink(server_.Url());
  EXPECT_EQ(Emit(*sink, "a"), "NoStream");
  EXPECT_EQ(sink->counters().retried.value(), 2U);
  EXPECT_FALSE(sink->DebugState().connected);
  EXPECT_EQ(Emit(*sink, "a"), "CircuitOpen");
  MakeStream(server_.Url());
  EmitUntilTaken(*sink, "a");
  EXPECT_TRUE(sink->DebugState().connected);
}

// W02: the connection's return is noticed, however long the circuit would have waited.
TEST_P(JetStreamSinkNatsTest, W02AServerThatIsKilledAndComesBack) {
  auto options = OneTry();
  options.backoff_base = options.backoff_cap = std::chrono::hours(1);
  const auto sink = ConnectSink(server_.Url(), options);
  EXPECT_EQ(Emit(*sink, "a"), "ok");
  server_.Kill();
  ASSERT_TRUE(AwaitTrue([&] { return Emit(*sink, "b") != "ok"; }));
  EXPECT_EQ(Emit(*sink, "b"), "CircuitOpen");
  server_.Start();
  EmitUntilTaken(*sink, "b");
  EXPECT_EQ(Stored(server_.Url()), 2U);
}

TEST_P(JetStreamSinkNatsTest, AServerThatComesBackEmpty) {
  const auto sink = ConnectSink(server_.Url(), OneTry());
  EXPECT_EQ(Emit(*sink, "a"), "ok");
  server_.Wipe();
  server_.Start();
  ASSERT_TRUE(AwaitTrue([&] { return Emit(*sink, "b") == "NoStream"; }));
  MakeStream(server_.Url());
  EmitUntilTaken(*sink, "b");
  EXPECT_EQ(Stored(server_.Url()), 1U);
}

// SNK-062: it may be stored; sent again it is there once.
TEST_P(JetStreamSinkNatsTest, AServerThatDoesNotAnswerInTime) {
  auto options = OneTry();
  options.ack_timeout = Milliseconds(50);
  const auto sink = ConnectSink(server_.Url(), options);
  EXPECT_EQ(Emit(*sink, "warm"), "ok");
  server_.Suspend();
  EXPECT_EQ(Emit(*sink, "a"), "AckTimeout");
  server_.Resume();
  EmitUntilTaken(*sink, "a");
  EXPECT_EQ(Stored(server_.Url()), 2U);
}

// T78, SNK-003: what we take for the size is what the server takes for it.
TEST_P(JetStreamSinkNatsTest, T78ThePayloadLimitIsExact) {
  const auto sink = ConnectSink(server_.Url());
  Event event = MakeEvent("a");
  event.extensions.emplace("filler", std::string("x"));
  PreparedEvent prepared{.payload = Serialise(event), .headers = EncodeStructured(event).headers};
  prepared.headers.emplace_back("Nats-Msg-Id", MessageId(event));
  event.extensions["filler"] = std::string(1 + 4096 - prepared.Size(), 'x');
  EXPECT_EQ(Name(sink->Emit(event)), "ok");
  event.extensions["filler"] = std::get<std::string>(event.extensions["filler"]) + "x";
  EXPECT_EQ(Name(sink->Emit(event)), "EventTooLarge");
  EXPECT_EQ(Stored(server_.Url()), 1U);
}

// SNK-063: the server refuses it by the header.
TEST_P(JetStreamSinkNatsTest, AnotherStreamThanTheExpectedOneIsARejection) {
  JetStreamSinkOptions options;
  options.expected_stream = "other";
  const auto sink = ConnectSink(server_.Url(), options);
  EXPECT_EQ(Emit(*sink, "a"), "Rejected");
  EXPECT_TRUE(sink->DebugState().connected);
  EXPECT_EQ(Stored(server_.Url()), 0U);
}

// SNK-080
TEST_P(JetStreamSinkNatsTest, EmitAsyncKeepsTheOrderOfAThread) {
  const auto sink = ConnectSink(server_.Url());
  std::vector<std::string> expected;
  std::atomic<int> taken = 0;
  for (int i = 0; i < 100; ++i) {
    const Event event = MakeEvent(std::to_string(i));
    expected.push_back(MessageId(event));
    sink->EmitAsync(event, [&](const Result<void>& result) { taken += result ? 1 : 0; });
  }
  ASSERT_TRUE(sink->Flush(Soon()));
  EXPECT_EQ(taken, 100);
  EXPECT_EQ(Ids(), expected);
}

// Nothing below the sink bounds what is under way: not in messages, and not in bytes.
TEST_P(JetStreamSinkNatsTest, AsManyEventsAreUnderWayAsTheOptionsSay) {
  constexpr size_t kEvents = 5000;
  constexpr size_t kFiller = 16'000;  // 80 MB of them
  const Server server({.version = GetParam()});
  const auto connection = Connect(To(server.Url()));
  nats::Mailbox<std::string> replies;
  const auto inbox = connection->Subscribe(
      "s.acme", [&](const auto& message) { replies.Put(std::string(message->reply())); });
  ASSERT_TRUE(inbox);
  connection->Flush(nats::kPatience);
  JetStreamSinkOptions options;
  options.max_in_flight = kEvents;
  options.ack_timeout = std::chrono::hours(1);
  const auto sink = ConnectSink(server.Url(), options);
  std::atomic<size_t> taken = 0;
  for (size_t i = 0; i < kEvents; ++i) {
    Event event = MakeEvent(std::to_string(i));
    event.extensions.emplace("filler", std::string(kFiller, 'x'));
    sink->EmitAsync(event, [&](const Result<void>& result) { taken += result ? 1 : 0; });
  }
  const auto came = replies.Await(kEvents);  // nobody has answered any of them
  ASSERT_EQ(came.size(), kEvents);
  EXPECT_EQ(sink->counters().in_flight.value(), int64_t{kEvents});
  for (size_t i = 0; i < kEvents; ++i) {
    const std::string acknowledgement = fmt::format(R"({{"stream":"s","seq":{}}})", i + 1);
    ASSERT_TRUE(connection->Publish({.subject = came[i], .headers = {}, .body = acknowledgement}));
  }
  ASSERT_TRUE(sink->Flush(Soon()));
  EXPECT_EQ(taken, kEvents);
  EXPECT_EQ(sink->counters().retried.value(), 0U);
}

// The connection is cut after the publish and before the acknowledgement: it is stored, and stored once.
TEST_P(JetStreamSinkNatsTest, ACutBeforeTheAcknowledgement) {
  test::TcpProxy proxy(server_.port(), test::TcpProxy::Messages::kAny);
  const auto sink = ConnectSink(server_.Url(proxy.port()), OneTry());
  proxy.CutBeforeAnswer(R"("seq":)");
  EXPECT_EQ(Emit(*sink, "a"), "ConnectionLost");
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(Stored(server_.Url()), 1U);
  EmitUntilTaken(*sink, "a");
  EXPECT_EQ(Stored(server_.Url()), 1U);
  EXPECT_EQ(sink->counters().duplicate.value(), 1U);
}

// The same in the middle of a window: all are stored once, and in their order.
TEST_P(JetStreamSinkNatsTest, ACutInTheMiddleOfAWindow) {
  test::TcpProxy proxy(server_.port(), test::TcpProxy::Messages::kAny);
  JetStreamSinkOptions options;
  options.publish_attempts = 100;
  const auto sink = ConnectSink(server_.Url(proxy.port()), options);
  constexpr int kEvents = 200;
  std::vector<std::string> expected;
  std::atomic<int> taken = 0;
  for (int i = 0; i < kEvents; ++i) {
    if (i == kEvents / 2) proxy.CutBeforeAnswer(R"("seq":)");
    expected.push_back(MessageId(MakeEvent(std::to_string(i))));
    sink->EmitAsync(MakeEvent(std::to_string(i)),
                    [&](const Result<void>& result) { taken += result ? 1 : 0; });
  }
  ASSERT_TRUE(sink->Flush(Soon()));
  EXPECT_TRUE(proxy.has_cut());
  EXPECT_EQ(taken, kEvents);
  EXPECT_EQ(Ids(), expected);
  EXPECT_GT(sink->counters().retried.value(), 0U);
}

// A kill in the middle: whoever was told yes is in the stream, and after sending the others again all are,
// once.
TEST_P(JetStreamSinkNatsTest, AKillInTheMiddleOfAWindow) {
  const auto sink = ConnectSink(server_.Url(), OneTry());
  constexpr int kEvents = 200;
  std::mutex mutex;
  std::vector<std::string> failed;
  for (int i = 0; i < kEvents; ++i) {
    if (i == kEvents / 2) server_.Kill();
    const std::string id = std::to_string(i);
    sink->EmitAsync(MakeEvent(id), [&, id](const Result<void>& result) {
      const std::lock_guard lock(mutex);
      if (!result) failed.push_back(id);
    });
  }
  ASSERT_TRUE(sink->Flush(Soon()));
  EXPECT_FALSE(failed.empty());
  server_.Start();
  for (const auto& id : failed) EmitUntilTaken(*sink, id);
  EXPECT_EQ(Stored(server_.Url()), uint64_t{kEvents});
}

// SNK-065
TEST_P(JetStreamSinkNatsTest, ARightThatIsWithdrawnIsARejectionAtOnce) {
  const auto with = [](const std::string& publish) {
    return fmt::format(
        "authorization {{ users: [{{ user: u, password: p, permissions: {{ publish: {} }} }}] }}\n", publish);
  };
  Server server({.version = GetParam(), .configuration = with(R"({ allow: ">" })")});
  const std::string url = fmt::format("nats://u:p@127.0.0.1:{}", server.port());
  MakeStream(url);
  JetStreamSinkOptions options;
  options.ack_timeout = std::chrono::hours(1);
  const auto sink = ConnectSink(url, options);
  EXPECT_EQ(Emit(*sink, "a"), "ok");
  server.Reconfigure(with(R"({ deny: "s.acme" })"));
  ASSERT_TRUE(AwaitTrue([&] { return Emit(*sink, "b") == "Rejected"; }));
  EXPECT_TRUE(sink->DebugState().connected);
}

// T61 on the side of the sink: it fails at once.
TEST_P(JetStreamSinkNatsTest, T61ABrokerThatIsDownFailsTheStart) {
  server_.Stop();
  const auto begin = std::chrono::steady_clock::now();
  const auto made = JetStreamSink::Connect(Secret(server_.Url()), "s.a");
  EXPECT_EQ(Start(made), "ConnectFailed");
  EXPECT_THAT(made.error().message(), testing::StartsWith("nats connect: "));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
}

// Section 9, the third start mode
TEST_P(JetStreamSinkNatsTest, ItMayBeginWithTheCircuitOpenAndConnectLater) {
  server_.Stop();
  auto options = OneTry();
  options.start = SinkStart::kInBackground;
  const auto sink = ConnectSink(server_.Url(), options);
  EXPECT_FALSE(sink->DebugState().connected);
  EXPECT_EQ(Emit(*sink, "a"), "CircuitOpen");
  server_.Start();
  EmitUntilTaken(*sink, "a");
  EXPECT_EQ(Stored(server_.Url()), 1U);
}

TEST_P(JetStreamSinkNatsTest, AWrongPasswordIsToldApartAndNotRepeated) {
  const Server server(With(Server::Login::kPassword));
  const auto made =
      JetStreamSink::Connect(Secret(fmt::format("nats://jammi:hunter2@127.0.0.1:{}", server.port())), "s.a");
  EXPECT_EQ(Start(made), "AuthFailed");
  EXPECT_THAT(made.error().ToString(), Not(HasSubstr("hunter2")));
  EXPECT_EQ(Start(JetStreamSink::Connect(Secret(server.UrlWithLogin()), "s.a")), "ok");
}

TEST_P(JetStreamSinkNatsTest, AnAddressThatIsNoneIsAConfigError) {
  for (const auto* const url : {"", "http://h", "nats://", "nats://h:99999"})
    EXPECT_EQ(Start(JetStreamSink::Connect(Secret(url), "s.a")), "ConfigError") << url;
  EXPECT_EQ(Start(JetStreamSink::Connect(Secret(server_.Url()), "s.*")), "ConfigError");
}

TEST_P(JetStreamSinkNatsTest, CloseWaitsAndThenNothingIsTaken) {
  const auto sink = ConnectSink(server_.Url());
  std::atomic<int> taken = 0;
  for (int i = 0; i < 50; ++i) {
    sink->EmitAsync(MakeEvent(std::to_string(i)),
                    [&](const Result<void>& result) { taken += result ? 1 : 0; });
  }
  EXPECT_TRUE(sink->Close(Soon()));
  EXPECT_EQ(taken, 50);
  EXPECT_EQ(Emit(*sink, "late"), "Closed");
}

}  // namespace
}  // namespace jammi::events
