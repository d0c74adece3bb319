// The JetStream driver alone: what is in the stream, finding places in it, and every fault of the server.
#include <arrow/io/memory.h>
#include <arrow/ipc/reader.h>

#include <future>

#include "nats/jetstream.h"
#include "nats/publish_window.h"
#include "trigger/jetstream/event_message.h"
#include "trigger/jetstream/nats_fixture.h"
#include "trigger/jetstream/offset_search.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class JetStreamBrokerTest : public testing::TestWithParam<NatsVersion> {
 protected:
  explicit JetStreamBrokerTest(test::NatsServer::Options options = {})
      : server_(With(options)), raw_(Connect()), broker_(OpenJetStream(server_, Options())) {
    SetLog(LogLevel::kOff, LogFormat::kText);
  }
  ~JetStreamBrokerTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  static test::NatsServer::Options With(test::NatsServer::Options options) {
    options.version = GetParam();
    return options;
  }
  static JetStreamBrokerOptions Options() { return {.publisher = "incarnation"}; }
  std::shared_ptr<nats::Connection> Connect() {
    nats::ConnectionOptions options;
    options.url = Secret(server_.UrlWithLogin());
    options.reconnect_wait = std::chrono::milliseconds(10);
    auto connection = *nats::Connection::Open(options);
    EXPECT_TRUE(connection->AwaitConnected(Soon()));
    return connection;
  }

  void Register() { JAMMI_OK(broker_->RegisterTopic(topic_)); }
  void PublishRange(uint64_t begin, uint64_t end, int64_t rows = 1) {
    for (; begin < end; ++begin) {
      JAMMI_OK(broker_->Publish(topic_.id, BatchS(static_cast<int64_t>(begin), "X", rows), 7, begin,
                                std::nullopt));
    }
  }
  std::unique_ptr<Subscription> Subscribe(std::optional<uint64_t> from = std::nullopt) {
    auto made = broker_->Subscribe(topic_.id, Predicate::MatchAll(), from);
    EXPECT_TRUE(made) << made.error().ToString();
    return made ? std::move(*made) : nullptr;
  }
  // As anybody who may publish there.
  void PublishRaw(const nats::Headers& headers, std::string_view body) {
    JAMMI_OK(
        window_.PublishAndWait({.subject = SubjectOf(topic_.id), .headers = headers, .body = body}, Soon()));
  }
  nats::StreamInfo Stream() { return *nats::JetStream(*raw_).FindStream(StreamNameOf(topic_.id)); }
  void AwaitServer() { JAMMI_OK(raw_->AwaitConnected(Soon())); }

  test::NatsServer server_;
  const Topic topic_ = NewTopic();
  const std::shared_ptr<nats::Connection> raw_;
  nats::PublishWindow window_{raw_};
  std::shared_ptr<TriggerBroker> broker_;
};
INSTANTIATE_TEST_SUITE_P(On, JetStreamBrokerTest, testing::Values(NatsVersion::kPinned, NatsVersion::kDebian),
                         [](const auto& each) { return NameOf(each.param); });

TEST_P(JetStreamBrokerTest, Trg064Trg068APlainNatsUserReadsTheStream) {
  Register();
  const auto stream = Stream();
  EXPECT_EQ(stream.settings.name, "jammi_topic_" + topic_.id.ToHex());
  EXPECT_THAT(stream.settings.subjects, ElementsAre("jammi.topic." + topic_.id.ToHex() + ".batch"));
  EXPECT_EQ(stream.settings.max_age, std::chrono::hours(7 * 24));

  std::promise<std::shared_ptr<const nats::Message>> heard;
  const auto inbox = raw_->Subscribe("jammi.topic.*.batch", [&](auto message) { heard.set_value(message); });
  Stream();  // and the server knows that we listen
  JAMMI_OK(broker_->Publish(topic_.id, BatchS(4, "Y", 2), 1'700'000'000'000'001, 12, Tenant(3)));
  const auto message = heard.get_future().get();
  EXPECT_EQ(message->Header("jammi-offset"), "12");
  EXPECT_EQ(message->Header("jammi-produced-at-us"), "1700000000000001");
  EXPECT_EQ(message->Header("jammi-publish-tenant"), Tenant(3).ToString());
  EXPECT_EQ(message->Header("Nats-Msg-Id"), "incarnation:" + topic_.id.ToString() + ":12");
  auto reader = *arrow::ipc::RecordBatchStreamReader::Open(
      std::make_shared<arrow::io::BufferReader>(arrow::Buffer::FromString(std::string(message->body()))));
  EXPECT_TRUE((*reader->Next())->Equals(*BatchS(4, "Y", 2)));
  EXPECT_EQ(*reader->Next(), nullptr);
}

TEST_P(JetStreamBrokerTest, AnEventThatIsPublishedAgainIsThereOnce) {
  Register();
  const auto subscription = Subscribe();
  PublishRange(0, 2);
  PublishRange(1, 3);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(0, 3));
  EXPECT_EQ(Stream().messages, 3U);
}

TEST_P(JetStreamBrokerTest, Trg065W15RetentionComesFromTheTopicAndFollowsIt) {
  Topic topic = topic_;
  for (const auto* wrong : {"soon", "-1", "1.5", "", "99999999999999999999"}) {
    topic.broker_metadata["retention_seconds"] = wrong;
    const auto refused = broker_->RegisterTopic(topic);
    ASSERT_FALSE(refused) << wrong;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr("retention_seconds"));
  }
  topic.broker_metadata["retention_seconds"] = "3600";
  JAMMI_OK(broker_->RegisterTopic(topic));
  PublishRange(0, 1);
  EXPECT_EQ(Stream().settings.max_age, std::chrono::hours(1));
  topic.broker_metadata["retention_seconds"] = "0";
  JAMMI_OK(broker_->RegisterTopic(topic));
  EXPECT_EQ(Stream().settings.max_age, std::chrono::hours(0));
  EXPECT_EQ(Stream().messages, 1U) << "the same stream, with other settings";
}

TEST_P(JetStreamBrokerTest, W15AConflictWithAStreamOfAnotherProcessIsFound) {
  Register();
  Topic other = topic_;
  other.schema = arrow::schema({arrow::field("id", arrow::int64())});
  const auto refused = OpenJetStream(server_)->RegisterTopic(other);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().As<SchemaConflictDetail>(), nullptr) << refused.error().ToString();
}

TEST_P(JetStreamBrokerTest, ASchemaThatHasGrownIsKeptAndReadByOldAndNew) {
  Register();
  PublishRange(0, 1);
  const auto before = Subscribe(0);
  Topic grown = topic_;
  grown.schema = *topic_.schema->AddField(3, arrow::field("more", arrow::int64()));
  EXPECT_NE(broker_->RegisterTopic(grown).error().As<SchemaConflictDetail>(), nullptr);
  JAMMI_OK(broker_->GrowTopic(grown));
  auto columns = BatchS(1)->columns();
  columns.push_back(*arrow::MakeArrayOfNull(arrow::int64(), 1));
  JAMMI_OK(
      broker_->Publish(topic_.id, arrow::RecordBatch::Make(grown.schema, 1, columns), 0, 1, std::nullopt));
  PublishRange(2, 3);  // of a publisher that has not heard
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(NextOf(*before).batch->num_columns(), 3);
  const auto after = OpenJetStream(server_, Options());  // which learns of it from the stream
  const auto made = after->Subscribe(topic_.id, Predicate::MatchAll(), 0);
  JAMMI_OK(made);
  for (uint64_t i = 0; i < 3; ++i) EXPECT_EQ(NextOf(**made).batch->num_columns(), 4);
  JAMMI_OK(after->GrowTopic(topic_));  // an earlier version changes nothing
  EXPECT_EQ(NextOf(**after->Subscribe(topic_.id, Predicate::MatchAll(), 0)).batch->num_columns(), 4);
}

TEST_P(JetStreamBrokerTest, W05AStreamIsEnoughToKnowATopic) {
  Register();
  PublishRange(0, 3);
  broker_ = OpenJetStream(server_, Options());
  EXPECT_EQ(NextOffsets(*Subscribe(0), 3), Range(0, 3));
  broker_ = OpenJetStream(server_, Options());
  PublishRange(3, 4);
  const auto wrong = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::null())}), 0,
                                              {*arrow::MakeArrayOfNull(arrow::null(), 0)});
  EXPECT_NE(broker_->Publish(topic_.id, wrong, 0, 4, std::nullopt).error().As<BatchSchemaMismatchDetail>(),
            nullptr);
  EXPECT_THAT(*broker_->ListConsumers(topic_.id), IsEmpty());
  server_.Restart();
  EXPECT_EQ(NextOffsets(*Subscribe(1), 3), Range(1, 4));
}

TEST_P(JetStreamBrokerTest, Case32ResumeFindsItsPlaceThoughTheNumbersDiffer) {
  Register();
  PublishRange(1000, 1012);
  auto first = Subscribe(0);
  EXPECT_EQ(NextOffsets(*first, 5), Range(1000, 1005));
  first.reset();
  EXPECT_EQ(NextOffsets(*Subscribe(1005), 7), Range(1005, 1012));
}

TEST_P(JetStreamBrokerTest, Case33EveryLowerBoundIsKeptExactly) {
  Register();
  std::vector<uint64_t> offsets;
  for (uint64_t i = 0; i < 60; ++i) {
    const uint64_t offset = i * 3 + (i > 30 ? 100 : 0);  // with gaps
    PublishRange(offset, offset + 1);
    offsets.push_back(offset);
    if (i % 10 == 0) PublishRaw({{"jammi-offset", "none"}}, "poison");
  }
  const nats::JetStream jetstream(*raw_);
  for (uint64_t from = 0; from < 290; from += 7) {
    const auto place = FindOffset(jetstream, Stream(), topic_.id, from);
    JAMMI_OK(place);
    const auto expected = std::ranges::lower_bound(offsets, from);
    // In the stream a poison message stands behind each tenth.
    const auto index = static_cast<uint64_t>(expected - offsets.begin());
    const uint64_t sequence = index + 1 + (index + 9) / 10;
    EXPECT_LE(*place, sequence) << from;
    EXPECT_GE(*place + 1, sequence) << from;
    if (expected == offsets.end()) continue;
    EXPECT_EQ(NextOf(*Subscribe(from)).offset, *expected) << from;
  }
  EXPECT_EQ(*FindOffset(jetstream, Stream(), topic_.id, UINT64_MAX), Stream().last_sequence + 1);
}

TEST_P(JetStreamBrokerTest, W07WhoIsCaughtUpReceivesNothingAgain) {
  Register();
  PublishRange(0, 200, 1000);
  const auto subscription = Subscribe(200);
  PublishRange(200, 201);
  EXPECT_EQ(NextOf(*subscription).offset, 200U);
  const auto consumers = broker_->ListConsumers(topic_.id);
  JAMMI_OK(consumers);
  ASSERT_EQ(consumers->size(), 1U);
  // It was given one message of two hundred and one.
  EXPECT_EQ(consumers->front().last_delivered_stream_sequence, 201U);
  EXPECT_EQ(*FindOffset(nats::JetStream(*raw_), Stream(), topic_.id, 201), 202U);
}

TEST_P(JetStreamBrokerTest, Trg072W15PoisonIsReportedAndLeftOut) {
  Register();
  const auto subscription = Subscribe();
  PublishRange(0, 1);
  const auto body = *EncodeBody(*BatchS(9));
  const std::string_view good(reinterpret_cast<const char*>(body->data()), static_cast<size_t>(body->size()));
  const auto wrong_schema = *EncodeBody(**BatchS(9)->SelectColumns({0}));
  PublishRaw({}, good);
  PublishRaw({{"jammi-offset", "x"}, {"jammi-produced-at-us", "0"}}, good);
  PublishRaw({{"jammi-offset", "18446744073709551615"}, {"jammi-produced-at-us", "0"}}, good);
  PublishRaw({{"jammi-offset", "1"}}, good);
  PublishRaw({{"jammi-offset", "1"}, {"jammi-produced-at-us", "0"}, {"jammi-publish-tenant", "me"}}, good);
  PublishRaw({{"jammi-offset", "1"}, {"jammi-produced-at-us", "0"}}, "not Arrow");
  PublishRaw({{"jammi-offset", "1"}, {"jammi-produced-at-us", "0"}}, good.substr(0, good.size() / 2));
  PublishRaw(
      {{"jammi-offset", "1"}, {"jammi-produced-at-us", "0"}},
      {reinterpret_cast<const char*>(wrong_schema->data()), static_cast<size_t>(wrong_schema->size())});
  PublishRaw({{"jammi-offset", "0"}, {"jammi-produced-at-us", "0"}}, good);  // behind it
  PublishRaw({{"Status", "409"}}, "");
  PublishRange(1, 2);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(0, 2));
  const auto report = broker_->Report(topic_.id);
  EXPECT_EQ(report.skipped, 10U);
  EXPECT_THAT(report.last_error, HasSubstr("message 11 was left out: it has no header jammi-offset"));
  EXPECT_GT(report.last_error_at, 0);
}

TEST_P(JetStreamBrokerTest, ASubscriptionHoldsABoundedBuffer) {
  auto options = Options();
  options.buffer_events = 20;
  broker_ = OpenJetStream(server_, options);
  Register();
  const auto subscription = Subscribe();
  PublishRange(0, 100);
  ASSERT_TRUE(AwaitTrue([&] { return subscription->lag() > 0; }));
  EXPECT_LE(broker_->ListConsumers(topic_.id)->at(0).last_delivered_stream_sequence, 20U);
  EXPECT_EQ(NextOffsets(*subscription, 100), Range(0, 100));
}

TEST_P(JetStreamBrokerTest, Trg074W16SubscriptionsSurviveTheServerAndTheConsumer) {
  Register();
  const auto subscription = Subscribe();
  PublishRange(0, 3);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(0, 2));
  server_.Restart();
  PublishRange(3, 5);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(2, 5));
  server_.Kill();
  server_.Start();
  AwaitServer();
  const nats::JetStream jetstream(*raw_);
  const auto consumers = jetstream.ListConsumers(StreamNameOf(topic_.id));
  JAMMI_OK(consumers);
  for (const auto& each : *consumers) JAMMI_OK(jetstream.DeleteConsumer(StreamNameOf(topic_.id), each.name));
  PublishRange(5, 8);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(5, 8));
}

TEST_P(JetStreamBrokerTest, AWipedServerIsStartedAnewAndSubscribersGoOn) {
  Register();
  const auto subscription = Subscribe();
  PublishRange(0, 3);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(0, 3));
  server_.Wipe();
  server_.Start();
  AwaitServer();
  ASSERT_TRUE(AwaitTrue([&] {
    return broker_->Publish(topic_.id, BatchS(3), 0, 3, std::nullopt).error().code() == ErrorCode::kNotFound;
  }));
  Register();
  PublishRange(3, 6);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(3, 6));
  EXPECT_THAT(broker_->Report(topic_.id).last_error, HasSubstr("made anew"));
}

TEST_P(JetStreamBrokerTest, WithoutAServerCallsSayUnavailableInTime) {
  server_.Stop();
  auto options = Options();
  options.timeout = std::chrono::milliseconds(50);
  const auto broker = OpenJetStream(server_, options);
  for (const auto& error : {broker->RegisterTopic(topic_).error(), broker->DropTopic(topic_.id).error(),
                            broker->Publish(topic_.id, BatchS(0), 0, 0, std::nullopt).error(),
                            broker->Subscribe(topic_.id, Predicate::MatchAll(), std::nullopt).error(),
                            broker->ListConsumers(topic_.id).error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable) << error.ToString();
    ASSERT_NE(error.As<BrokerDetail>(), nullptr);
    EXPECT_EQ(error.As<BrokerDetail>()->driver, "jet_stream");
  }
}

TEST_P(JetStreamBrokerTest, Trg067CredentialsAndWhatIsWrongWithThem) {
  JetStreamBrokerOptions options;
  options.url = Secret("nats://user:hunter2@host:port");
  const auto refused = NewJetStreamBroker(options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().ToString(), testing::Not(HasSubstr("hunter2")));
  options.url = Secret("nats://host");
  options.credentials_path = "/nowhere/user.creds";
  EXPECT_THAT(NewJetStreamBroker(options).error().message(), HasSubstr("/nowhere/user.creds"));
}

TEST_P(JetStreamBrokerTest, Trg063SubscriptionsEndWithTheirBroker) {
  Register();
  const auto subscription = Subscribe();
  broker_.reset();
  EXPECT_THAT(Drain(*subscription), IsEmpty());
}

class SmallPayloadTest : public JetStreamBrokerTest {
 protected:
  SmallPayloadTest() : JetStreamBrokerTest({.max_payload = 4096}) {}
};
INSTANTIATE_TEST_SUITE_P(On, SmallPayloadTest, testing::Values(NatsVersion::kPinned, NatsVersion::kDebian),
                         [](const auto& each) { return NameOf(each.param); });

TEST_P(SmallPayloadTest, W15WhatIsTooLargeIsAnnouncedWithoutItsBatch) {
  Register();
  const auto subscription = Subscribe();
  std::promise<std::shared_ptr<const nats::Message>> heard;
  const auto inbox = raw_->Subscribe(SubjectOf(topic_.id), [&](auto message) {
    if (OffsetOf(*message) == 0U) heard.set_value(message);
  });
  Stream();  // and the server knows that we listen
  PublishRange(0, 1, 1000);
  PublishRange(1, 2);
  const auto message = heard.get_future().get();
  EXPECT_EQ(message->body(), "");
  EXPECT_EQ(message->Header("jammi-payload-omitted"),
            std::to_string((*EncodeBody(*BatchS(0, "X", 1000)))->size()));
  EXPECT_EQ(NextOf(*subscription).offset, 1U);
  EXPECT_EQ(broker_->Report(topic_.id).skipped, 1U);
}

}  // namespace
}  // namespace jammi
