// Reading a stream through everything that can happen to it.
#include "nats/ordered_consumer.h"

#include <future>

#include "base/sync_point.h"
#include "nats/publish_window.h"
#include "nats/test_support.h"
#include "support/tcp_proxy.h"

namespace jammi::nats {
namespace {

using testing::ElementsAre;

class OrderedConsumerTest : public NatsTest, public OrderedConsumer::Owner {
 protected:
  OrderedConsumerTest() { Ensure(); }

  bool OnMessage(std::shared_ptr<const Message> message, const DeliveryPlace& place) override {
    sizes_.Put(message->body().size());
    replies_.Put(std::string(message->reply()));
    messages_.Put(fmt::format("{}:{}", place.stream_sequence, message->Header("n").value_or("")));
    return hold_;
  }
  void OnStarted(bool new_stream) override { starts_.Put(new_stream); }
  void OnTrouble(const Error& error) override { troubles_.Put(error.code()); }

  void Ensure() { NATS_OK_OR_FAIL(JetStream(*connection_).EnsureStream({.name = "s", .subjects = {"s.>"}})); }
  void Publish(int from, int to, size_t size = 4) {
    const std::string body(size, 'x');
    for (int i = from; i < to; ++i) {
      const OutMessage message{.subject = "s.a", .headers = {{"n", std::to_string(i)}}, .body = body};
      NATS_OK_OR_FAIL(window_.PublishAndWait(message, Soon()));
    }
  }
  OrderedConsumerOptions Options() const {
    return {.stream = "s", .subject = "s.a", .start = {}, .heartbeat = std::chrono::milliseconds(200)};
  }
  void Consume(const OrderedConsumerOptions& options) {
    consumer_ = std::make_unique<OrderedConsumer>(connection_, options, *this);
    starts_.Await(1);
  }
  void ConsumeThroughProxy(const OrderedConsumerOptions& options) {
    consumer_ = std::make_unique<OrderedConsumer>(behind_the_proxy_, options, *this);
  }
  std::vector<std::string> Numbered(int from, int to, int first_sequence) {
    std::vector<std::string> made;
    for (int i = from; i < to; ++i) made.push_back(fmt::format("{}:{}", first_sequence + i - from, i));
    return made;
  }

  Server server_{Server::Options{.version = GetParam()}};
  const std::shared_ptr<Connection> connection_ = Connect(To(server_.Url()));
  PublishWindow window_{connection_};
  test::TcpProxy proxy_{server_.port(), test::TcpProxy::Messages::kAny};
  const std::shared_ptr<Connection> behind_the_proxy_ = Connect(To(server_.Url(proxy_.port())));
  Mailbox<std::string> messages_;
  Mailbox<size_t> sizes_;
  Mailbox<std::string> replies_;
  Mailbox<bool> starts_;
  Mailbox<ErrorCode> troubles_;
  std::atomic<bool> hold_ = false;
  std::unique_ptr<OrderedConsumer> consumer_;  // dies first
};
JAMMI_ON_EVERY_NATS(OrderedConsumerTest);

TEST_P(OrderedConsumerTest, FromTheFirstFromASequenceAndOnlyNewOnes) {
  Publish(0, 5);
  Consume(Options());
  EXPECT_EQ(messages_.Await(5), Numbered(0, 5, 1));
  consumer_.reset();

  auto from = Options();
  from.start = {ConsumerStart::Kind::kSequence, 4};
  Consume(from);
  EXPECT_EQ(messages_.Await(7).at(5), "4:3");
  EXPECT_EQ(messages_.Await(7).at(6), "5:4");
  consumer_.reset();

  auto fresh = Options();
  fresh.start = {ConsumerStart::Kind::kNew};
  consumer_ = std::make_unique<OrderedConsumer>(connection_, fresh, *this);
  starts_.Await(3);
  Publish(5, 6);
  EXPECT_EQ(messages_.Await(8).at(7), "6:5");
  EXPECT_EQ(messages_.size(), 8U);
}

TEST_P(OrderedConsumerTest, WhatIsNotReleasedBoundsWhatComes) {
  Publish(0, 40);
  auto options = Options();
  options.max_messages = 10;
  hold_ = true;
  Consume(options);
  EXPECT_EQ(messages_.Await(10).size(), 10U);
  NATS_OK_OR_FAIL(JetStream(*connection_).FindStream("s"));  // the server had time to send more
  EXPECT_EQ(messages_.size(), 10U);
  consumer_->Release(6, 24);
  EXPECT_EQ(messages_.Await(16), Numbered(0, 16, 1));
  hold_ = false;
  consumer_->Release(10, 40);
  EXPECT_EQ(messages_.Await(40), Numbered(0, 40, 1));
}

// The end of a request may be announced when the next one is under way already: that one then went on, and
// another one was made beside it, so that more came than there was room for.
TEST_P(OrderedConsumerTest, TheEndOfARequestDoesNotEndTheNextOne) {
  Mailbox<std::string> requests;  // where the answers go
  const auto spy = connection_->Subscribe("$JS.API.CONSUMER.MSG.NEXT.s.*", [&](const auto& request) {
    requests.Put(std::string(request->reply()));
  });
  ASSERT_TRUE(spy);
  Publish(0, 10);
  auto options = Options();
  options.max_messages = 10;
  hold_ = true;
  Consume(options);
  messages_.Await(10);
  consumer_->Release(6, 24);
  const auto inbox = requests.Await(2).back();
  const OutMessage late{
      .subject = inbox, .headers = {{"Status", "409"}, {"Description", "Batch Completed"}}, .body = {}};
  NATS_OK_OR_FAIL(connection_->Publish(late));
  Publish(10, 40);
  messages_.Await(16);
  NATS_OK_OR_FAIL(JetStream(*connection_).FindStream("s"));  // the server had time to send more
  EXPECT_EQ(messages_.size(), 16U);
  EXPECT_EQ(requests.size(), 2U);
}

TEST_P(OrderedConsumerTest, BytesBoundItTooAndALargeMessageComesAlone) {
  Publish(0, 10, 1000);
  Publish(10, 11, 100'000);
  Publish(11, 13, 1000);
  auto options = Options();
  options.max_bytes = 8000;
  hold_ = true;
  Consume(options);
  EXPECT_LE(messages_.Await(5).size(), 8U);
  hold_ = false;
  consumer_->Release(8, 8000);
  EXPECT_EQ(messages_.Await(13), Numbered(0, 13, 1));
}

TEST_P(OrderedConsumerTest, HeadersOnlyBringsNoBodies) {
  Publish(0, 2, 10'000);
  auto options = Options();
  options.headers_only = true;
  Consume(options);
  EXPECT_EQ(messages_.Await(2), Numbered(0, 2, 1));
  EXPECT_THAT(sizes_.Await(2), ElementsAre(0, 0));
}

TEST_P(OrderedConsumerTest, ItGoesOnAfterTheServerWasRestartedAndKilled) {
  Publish(0, 3);
  Consume(Options());
  messages_.Await(3);
  server_.Restart();
  NATS_OK_OR_FAIL(connection_->AwaitConnected(Soon()));
  Publish(3, 6);
  EXPECT_EQ(messages_.Await(6), Numbered(0, 6, 1));
  server_.Kill();
  server_.Start();
  NATS_OK_OR_FAIL(connection_->AwaitConnected(Soon()));
  Publish(6, 9);
  EXPECT_EQ(messages_.Await(9), Numbered(0, 9, 1));
  EXPECT_GE(consumer_->starts(), 3U);
}

TEST_P(OrderedConsumerTest, TheOneThatWaitsForNewOnesMissesNoneWhileItIsAway) {
  Publish(0, 2);
  auto options = Options();
  options.start = {ConsumerStart::Kind::kNew};
  Consume(options);
  server_.Restart();
  NATS_OK_OR_FAIL(connection_->AwaitConnected(Soon()));
  Publish(2, 5);
  EXPECT_EQ(messages_.Await(3), Numbered(2, 5, 3));
}

// The place was kept only when the start had come to its end: a server that went away right behind the news
// of it was asked for "new" once more, and what had been published meanwhile was never read.
TEST_P(OrderedConsumerTest, TheOneThatWaitsForNewOnesKeepsAPlaceThatWasTold) {
  std::promise<void> told;
  std::promise<void> lost;
  SetSyncPoint("OrderedConsumer::TryStart.told",
               [&, first = std::make_shared<std::once_flag>(), lost = lost.get_future().share()] {
                 std::call_once(*first, [&] {
                   told.set_value();
                   lost.wait();
                 });
               });
  auto options = Options();
  options.start = {ConsumerStart::Kind::kNew};
  consumer_ = std::make_unique<OrderedConsumer>(connection_, options, *this);
  told.get_future().wait();
  server_.Kill();
  ASSERT_TRUE(AwaitTrue([&] { return !connection_->connected(); }));
  server_.Start();
  const auto other = Connect(To(server_.Url()));
  PublishWindow window(other);
  for (int i = 0; i < 3; ++i) {
    NATS_OK_OR_FAIL(window.PublishAndWait(
        {.subject = "s.a", .headers = {{"n", fmt::format("{}", i)}}, .body = "x"}, Soon()));
  }
  lost.set_value();
  EXPECT_EQ(messages_.Await(3), Numbered(0, 3, 1));
  ClearSyncPoints();
}

TEST_P(OrderedConsumerTest, ADeletedConsumerIsMadeAgain) {
  Publish(0, 3);
  Consume(Options());
  messages_.Await(3);
  const JetStream jetstream(*connection_);
  const auto consumers = jetstream.ListConsumers("s");
  NATS_OK_OR_FAIL(consumers);
  ASSERT_EQ(consumers->size(), 1U);
  EXPECT_EQ(consumers->front().delivered_sequence, 3U);
  NATS_OK_OR_FAIL(jetstream.DeleteConsumer("s", consumers->front().name));
  Publish(3, 6);
  EXPECT_EQ(messages_.Await(6), Numbered(0, 6, 1));
}

TEST_P(OrderedConsumerTest, AnotherStreamOfTheNameIsReadFromItsFirstMessage) {
  Publish(0, 3);
  Consume(Options());
  messages_.Await(3);
  server_.Wipe();
  server_.Start();
  NATS_OK_OR_FAIL(connection_->AwaitConnected(Soon()));
  EXPECT_THAT(troubles_.Await(1), ElementsAre(ErrorCode::kNotFound));
  Ensure();
  Publish(3, 9);
  auto expected = Numbered(0, 3, 1);
  std::ranges::copy(Numbered(3, 9, 1), std::back_inserter(expected));
  EXPECT_EQ(messages_.Await(9), expected);
  EXPECT_THAT(starts_.Await(2), ElementsAre(false, true));
}

TEST_P(OrderedConsumerTest, AServerThatHangsAndGoesOnLosesNothing) {
  Consume(Options());
  server_.Suspend();
  ASSERT_TRUE(AwaitTrue([&] { return !connection_->connected(); }));
  server_.Resume();
  NATS_OK_OR_FAIL(connection_->AwaitConnected(Soon()));
  Publish(0, 3);
  EXPECT_EQ(messages_.Await(3), Numbered(0, 3, 1));
}

TEST_P(OrderedConsumerTest, AMessageThatLooksLikeWhatAServerSaysIsAMessage) {
  for (const auto* status : {"409", "503", "100", "408"}) {
    NATS_OK_OR_FAIL(window_.PublishAndWait(
        {.subject = "s.a", .headers = {{"Status", status}, {"n", status}}, .body = ""}, Soon()));
  }
  Consume(Options());
  EXPECT_THAT(messages_.Await(4), ElementsAre("1:409", "2:503", "3:100", "4:408"));
  EXPECT_EQ(consumer_->starts(), 1U);
}

// --- What is lost on the way, while the connection stays

TEST_P(OrderedConsumerTest, BehindAGapItReadsAgainFromTheLastMessageOn) {
  ConsumeThroughProxy(Options());
  starts_.Await(1);
  Publish(0, 3);
  messages_.Await(3);
  proxy_.Lose(test::TcpProxy::Direction::kToClient, "goes missing");
  const OutMessage lost{.subject = "s.a", .headers = {{"n", "3"}}, .body = "goes missing"};
  NATS_OK_OR_FAIL(window_.PublishAndWait(lost, Soon()));
  ASSERT_TRUE(AwaitTrue([&] { return proxy_.has_lost(); }));  // and nothing that comes with it
  Publish(4, 6);
  EXPECT_EQ(messages_.Await(6), Numbered(0, 6, 1));
  EXPECT_GE(consumer_->starts(), 2U);
}

TEST_P(OrderedConsumerTest, ARequestThatIsLostIsMadeAgain) {
  Publish(0, 3);
  proxy_.Lose(test::TcpProxy::Direction::kToServer, "CONSUMER.MSG.NEXT");
  ConsumeThroughProxy(Options());
  EXPECT_EQ(messages_.Await(3), Numbered(0, 3, 1));
  EXPECT_GE(consumer_->starts(), 2U);
}

// For the server it was not acknowledged.
TEST_P(OrderedConsumerTest, AMessageThatComesAgainIsNotHandedOutAgain) {
  proxy_.Lose(test::TcpProxy::Direction::kToServer, "+ACK");
  auto options = Options();
  options.acknowledge = true;
  ConsumeThroughProxy(options);
  Publish(0, 1);
  const std::string answer_to = replies_.Await(1).front();
  NATS_OK_OR_FAIL(connection_->Publish({.subject = answer_to, .headers = {}, .body = "-NAK"}));  // "again"
  EXPECT_TRUE(AwaitTrue([&] { return consumer_->starts() >= 2; }));
  Publish(1, 3);
  EXPECT_EQ(messages_.Await(3), Numbered(0, 3, 1));
}

TEST_P(OrderedConsumerTest, CloseTellsTheServer) {
  Consume(Options());
  consumer_->Close();
  const JetStream jetstream(*connection_);
  EXPECT_TRUE(AwaitTrue([&] { return jetstream.ListConsumers("s")->empty(); }));
}

// One that was closed between being made and being known stayed on the server until it was forgotten there.
TEST_P(OrderedConsumerTest, CloseInTheMiddleOfAStartTellsTheServerToo) {
  std::promise<void> told;
  std::promise<void> closed;
  SetSyncPoint("OrderedConsumer::TryStart.told", [&, done = closed.get_future().share()] {
    told.set_value();
    done.wait();
  });
  consumer_ = std::make_unique<OrderedConsumer>(connection_, Options(), *this);
  told.get_future().wait();
  consumer_->Close();
  closed.set_value();
  const JetStream jetstream(*connection_);
  EXPECT_TRUE(AwaitTrue([&] { return jetstream.ListConsumers("s")->empty(); }));
  ClearSyncPoints();
}

TEST_P(OrderedConsumerTest, AcknowledgedMessagesShowInTheListOfConsumers) {
  Publish(0, 3);
  auto options = Options();
  options.acknowledge = true;
  Consume(options);
  messages_.Await(3);
  const JetStream jetstream(*connection_);
  EXPECT_TRUE(AwaitTrue([&] { return jetstream.ListConsumers("s")->at(0).acknowledged_sequence == 3; }));
}

class JetStreamTest : public OrderedConsumerTest {};
JAMMI_ON_EVERY_NATS(JetStreamTest);

TEST_P(JetStreamTest, EnsureMakesChangesWhatDiffersAndLeavesTheRest) {
  const JetStream jetstream(*connection_);
  using std::chrono::hours;
  StreamSettings settings{.name = "t", .subjects = {"t.>"}, .description = "one", .max_age = hours(1)};
  const auto made = jetstream.EnsureStream(settings);
  NATS_OK_OR_FAIL(made);
  EXPECT_EQ(made->settings.max_age, hours(1));
  EXPECT_EQ(made->settings.description, "one");
  const auto same = jetstream.EnsureStream(settings);
  EXPECT_EQ(same->created, made->created);
  settings.max_age = hours(0);
  settings.description = "two";
  const auto changed = jetstream.EnsureStream(settings);
  NATS_OK_OR_FAIL(changed);
  EXPECT_EQ(changed->created, made->created);
  EXPECT_EQ(changed->settings.max_age, hours(0));
  EXPECT_EQ(jetstream.FindStream("t")->settings.description, "two");
  settings.max_age = std::chrono::seconds(10);  // shorter than the window for duplicates
  NATS_OK_OR_FAIL(jetstream.EnsureStream(settings));
  NATS_OK_OR_FAIL(jetstream.DeleteStream("t"));
  EXPECT_EQ(jetstream.FindStream("t").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(jetstream.DeleteStream("t").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(jetstream.ListConsumers("t").error().code(), ErrorCode::kNotFound);
}

TEST_P(JetStreamTest, PeekBringsTheHeadersOfTheNextMessage) {
  Publish(0, 5, 10'000);
  const JetStream jetstream(*connection_);
  const auto third = jetstream.Peek("s", "s.a", 3);
  NATS_OK_OR_FAIL(third);
  ASSERT_NE(*third, nullptr);
  EXPECT_EQ((*third)->Header("n"), "2");
  EXPECT_EQ((*third)->body(), "");
  EXPECT_EQ(PlaceOf(**third)->stream_sequence, 3U);
  EXPECT_EQ(*jetstream.Peek("s", "s.a", 6), nullptr);
  EXPECT_TRUE(AwaitTrue([&] { return jetstream.ListConsumers("s")->empty(); }));
}

// A request for the next message that had no answer failed after five seconds, and whoever subscribed with
// it.
TEST_P(JetStreamTest, PeekAsksAgainWhatHasNoAnswer) {
  Publish(0, 5);
  proxy_.Lose(test::TcpProxy::Direction::kToServer, "CONSUMER.MSG.NEXT");
  const auto third = JetStream(*behind_the_proxy_).Peek("s", "s.a", 3);
  NATS_OK_OR_FAIL(third);
  ASSERT_NE(*third, nullptr);
  EXPECT_EQ((*third)->Header("n"), "2");
  EXPECT_TRUE(proxy_.has_lost());
}

}  // namespace
}  // namespace jammi::nats
