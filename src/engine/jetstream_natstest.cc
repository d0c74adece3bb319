// Two engines on one PostgreSQL catalog, with JetStream between them and without: whatever becomes of the
// broker, subscribers get every event once, in order, and publishers do not wait.
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/log.h"
#include "engine/number_fixture.h"
#include "jammi/engine_status.h"
#include "nats/jetstream.h"
#include "nats/publish_window.h"
#include "support/nats_server.h"
#include "support/pg_server.h"

namespace jammi {
namespace {

using testing::HasSubstr;
using testing::Not;

class JetStreamReplicasTest : public testing::Test {
 protected:
  explicit JetStreamReplicasTest(bool with_nats = true) : with_nats_(with_nats) {
    SetLog(LogLevel::kOff, LogFormat::kText);  // the broker is broken here on purpose
  }
  ~JetStreamReplicasTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  [[nodiscard]] Config MakeConfig() const {
    Config config;
    config.artifact_dir = "/nowhere";  // nothing of this is stored there
    config.catalog = PostgresCatalogConfig{.url = Secret(url_)};
    if (with_nats_) config.broker = JetStreamBrokerConfig{.url = Secret(nats_.Url())};
    return config;
  }
  [[nodiscard]] std::unique_ptr<Engine> Open() const {
    auto engine = Engine::Open(MakeConfig());
    if (!engine) throw std::runtime_error(engine.error().ToString());
    return std::move(*engine);
  }
  static std::unique_ptr<Subscription> Subscribe(const Engine& engine, From from = From::Offset(0)) {
    auto made = engine.Global().Subscribe("t", from);
    EXPECT_TRUE(made) << made.error().ToString();
    return made ? std::move(*made) : nullptr;
  }
  Topic Register(const Engine& engine) {
    auto topic = engine.Global().topics().Register("t", NumberSchema());
    EXPECT_TRUE(topic) << topic.error().ToString();
    return *topic;
  }
  // By both engines in turn, each number once.
  void Publish(const Topic& topic, int64_t begin, int64_t end) {
    for (; begin < end; ++begin) {
      const auto& engine = begin % 2 == 0 ? one_ : two_;
      const auto offset = engine->Global().Publish(topic.id, Number(begin), Patience());
      ASSERT_TRUE(offset) << offset.error().ToString();
      ASSERT_EQ(offset->value, static_cast<uint64_t>(begin));
    }
  }
  [[nodiscard]] std::shared_ptr<nats::Connection> Raw() const {
    nats::ConnectionOptions options;
    options.url = Secret(nats_.Url());
    auto connection = *nats::Connection::Open(options);
    EXPECT_TRUE(connection->AwaitConnected(Patience()));
    return connection;
  }

  const bool with_nats_;
  test::NatsServer nats_;
  const std::string url_ = test::PgServer::Shared().Url(test::PgServer::Shared().CreateDatabase());
  std::unique_ptr<Engine> one_ = Open();
  std::unique_ptr<Engine> two_ = Open();
};

class EitherReplicasTest : public JetStreamReplicasTest, public testing::WithParamInterface<bool> {
 protected:
  EitherReplicasTest() : JetStreamReplicasTest(GetParam()) {}
};
INSTANTIATE_TEST_SUITE_P(On, EitherReplicasTest, testing::Bool(),
                         [](const auto& each) { return each.param ? "JetStream" : "TheBackendsDoorbell"; });

TEST_P(EitherReplicasTest, W05ATopicIsUsableThroughBothAtOnceAndAfterRestarts) {
  const Topic topic = Register(*one_);
  auto there = Subscribe(*two_);
  Publish(topic, 0, 10);
  ExpectNumbers(*there, 0, 10);
  there.reset();
  one_.reset();
  two_.reset();
  two_ = Open();
  there = Subscribe(*two_, From::Offset(10));
  one_ = Open();
  Publish(topic, 10, 20);
  ExpectNumbers(*there, 10, 20);
  ExpectNumbers(*Subscribe(*one_), 0, 20);
}

TEST_P(EitherReplicasTest, BothPublishAtOnceAndEverySubscriberSeesOneOrder) {
  const Topic topic = Register(*one_);
  const auto here = Subscribe(*one_, From::Newest());
  const auto there = Subscribe(*two_, From::Newest());
  std::vector<std::jthread> publishers;
  for (const auto* engine : {one_.get(), two_.get()}) {
    publishers.emplace_back([&, engine] {
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(engine->Global().Publish(topic.id, Number(i), Patience()));
    });
  }
  for (uint64_t offset = 0; offset < 200; ++offset) {
    const auto a = here->Next(Patience());
    const auto b = there->Next(Patience());
    ASSERT_TRUE(a && *a && b && *b);
    ASSERT_EQ((*a)->offset, offset);
    ASSERT_EQ((*b)->offset, offset);
    ASSERT_EQ(NumberIn(**a), NumberIn(**b));
  }
}

TEST_F(JetStreamReplicasTest, EveryEventIsInTheStreamInOrderForNatsUsers) {
  const Topic topic = Register(*one_);
  Publish(topic, 0, 50);
  const auto raw = Raw();
  const nats::JetStream jetstream(*raw);
  const std::string stream = "jammi_topic_" + topic.id.ToHex();
  ASSERT_TRUE(AwaitTrue([&] {
    const auto info = jetstream.FindStream(stream);
    return info && info->messages == 50;
  }));
  const auto first = jetstream.Peek(stream, "jammi.topic." + topic.id.ToHex() + ".batch", 1);
  ASSERT_TRUE(first && *first != nullptr);
  EXPECT_THAT(std::string(*(*first)->Header("Nats-Msg-Id")),
              testing::StartsWith(one_->incarnation() + ":" + topic.id.ToString() + ":"));
  const auto status = one_->Global().topics().FanOut(topic.id);
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_FALSE(status->failing);
  EXPECT_EQ(status->lost, 0U);
}

TEST_F(JetStreamReplicasTest, PublishersAndSubscribersDoWithoutAServer) {
  nats_.Stop();
  one_.reset();
  two_.reset();
  one_ = Open();  // starts all the same
  two_ = Open();
  const Topic topic = Register(*one_);
  const auto there = Subscribe(*two_);
  Publish(topic, 0, 20);
  ExpectNumbers(*there, 0, 20);
  ASSERT_TRUE(AwaitTrue([&] { return one_->Global().topics().FanOut(topic.id)->failing; }));
  EXPECT_THAT(one_->Global().topics().FanOut(topic.id)->last_error, HasSubstr("NATS"));
  // It catches up by itself.
  nats_.Start();
  const auto raw = Raw();
  const nats::JetStream jetstream(*raw);
  ASSERT_TRUE(AwaitTrue([&] {
    const auto info = jetstream.FindStream("jammi_topic_" + topic.id.ToHex());
    return info && info->messages == 20;
  }));
  ASSERT_TRUE(AwaitTrue([&] { return !one_->Global().topics().FanOut(topic.id)->failing; }));
  Publish(topic, 20, 30);
  ExpectNumbers(*there, 20, 30);
}

TEST_F(JetStreamReplicasTest, TheBrokersStateIsTold) {
  const Topic topic = Register(*one_);
  Publish(topic, 0, 4);
  ASSERT_TRUE(AwaitTrue([&] {
    const auto status = one_->broker_status();
    return status.published == 2 && status.changed_at > 0;
  }));
  const auto there = one_->broker_status();
  EXPECT_EQ(there.kind, BrokerKind::kJetStream);
  EXPECT_TRUE(there.connected);
  EXPECT_EQ(there.reason, "");
  EXPECT_EQ(there.connections, 1U);
  EXPECT_EQ(there.failed, 0U);

  nats_.Stop();
  ASSERT_TRUE(AwaitTrue([&] { return !one_->broker_status().connected; }));
  Publish(topic, 4, 5);
  ASSERT_TRUE(AwaitTrue([&] {
    const auto status = one_->broker_status();
    return status.failed > 0 && status.changed_at > there.changed_at;
  }));
  const auto away = one_->broker_status();
  EXPECT_THAT(away.reason, HasSubstr("NATS"));
  EXPECT_EQ(away.published, 2U);

  nats_.Start();
  ASSERT_TRUE(AwaitTrue([&] { return one_->broker_status().published == 3; }));
  EXPECT_EQ(one_->broker_status().connections, 2U);
  one_->Close();
  EXPECT_FALSE(one_->broker_status().connected);
}

TEST_F(JetStreamReplicasTest, KilledRestartedWipedAndHangingServersCostNobodyAnEvent) {
  const Topic topic = Register(*one_);
  const auto here = Subscribe(*one_);
  const auto there = Subscribe(*two_);
  int64_t next = 0;
  const auto round = [&] {
    Publish(topic, next, next + 10);
    ExpectNumbers(*here, next, next + 10);
    ExpectNumbers(*there, next, next + 10);
    next += 10;
  };
  round();
  nats_.Kill();
  round();
  nats_.Start();
  round();
  nats_.Restart();
  round();
  nats_.Suspend();
  round();  // acknowledged and delivered while nobody answers
  nats_.Resume();
  round();
  nats_.Wipe();
  round();
  nats_.Start();
  round();
  nats_.Suspend();
  const Topic other = *one_->Global().topics().Register("other", NumberSchema());
  EXPECT_TRUE(one_->Global().Publish(other.id, Number(0), Patience()));
  EXPECT_TRUE(two_->Global().topics().Drop(other.id));
  one_.reset();  // and an engine closes
  nats_.Resume();
  one_ = Open();
  Publish(topic, next, next + 10);
  ExpectNumbers(*there, next, next + 10);
}

TEST_F(JetStreamReplicasTest, NothingForgedIsSeen) {
  const Topic topic = Register(*one_);
  const auto there = Subscribe(*two_);
  Publish(topic, 0, 2);
  ExpectNumbers(*there, 0, 2);
  const auto raw = Raw();
  nats::PublishWindow window(raw);
  auto out = *arrow::io::BufferOutputStream::Create();
  auto writer = *arrow::ipc::MakeStreamWriter(out.get(), NumberSchema());
  ASSERT_TRUE(writer->WriteRecordBatch(*Number(666)).ok() && writer->Close().ok());
  const auto body = *out->Finish();
  const std::string_view bytes(reinterpret_cast<const char*>(body->data()),
                               static_cast<size_t>(body->size()));
  const std::string subject = "jammi.topic." + topic.id.ToHex() + ".batch";
  const std::string tenant = Uuid::RandomV4().ToString();
  for (const auto* offset : {"0", "2", "3", "1000000", "18446744073709551615", "-1", "x"}) {
    for (int i = 0; i < 20; ++i) {
      const auto sent = window.PublishAndWait({.subject = subject,
                                               .headers = {{"jammi-offset", offset},
                                                           {"jammi-produced-at-us", "0"},
                                                           {"jammi-publish-tenant", tenant}},
                                               .body = i % 2 == 0 ? bytes : "poison"},
                                              Patience());
      ASSERT_TRUE(sent) << sent.error().ToString();
    }
  }
  Publish(topic, 2, 12);
  ExpectNumbers(*there, 2, 12);
  ExpectNothing(*there);
}

TEST_F(JetStreamReplicasTest, FanOutIsToldToThoseWhoSeeTheTopic) {
  const TenantId tenant = *TenantId::From(Uuid::RandomV4());
  const auto topic = one_->ForTenant(tenant).topics().Register("mine", NumberSchema());
  ASSERT_TRUE(topic);
  EXPECT_TRUE(one_->ForTenant(tenant).topics().FanOut(topic->id));
  for (const Session& other : {one_->Global(), one_->ForTenant(*TenantId::From(Uuid::RandomV4()))}) {
    const auto refused = other.topics().FanOut(topic->id);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().As<TopicNotFoundDetail>(), nullptr);
  }
}

TEST_F(JetStreamReplicasTest, TheDriverReadsWhatTheEnginesPublish) {
  const Topic topic = Register(*one_);
  JetStreamBrokerOptions options;
  options.url = Secret(nats_.Url());
  const auto driver = NewJetStreamBroker(options);
  ASSERT_TRUE(driver) << driver.error().ToString();
  const auto outside = (*driver)->Subscribe(topic.id, *Predicate::Compile("n >= 5", NumberSchema()), 0);
  ASSERT_TRUE(outside) << outside.error().ToString();
  for (int64_t n = 0; n < 10; ++n) ASSERT_TRUE(one_->Global().Publish(topic.id, Number(n), Patience()));
  ExpectNumbers(**outside, 5, 10);
}

TEST_F(JetStreamReplicasTest, ABrokerThatCannotBeIsRefusedWhenTheEngineOpens) {
  auto config = MakeConfig();
  config.broker = JetStreamBrokerConfig{.url = Secret("nats://user:hunter2@host:port")};
  const auto refused = Engine::Open(config);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr("[broker]: NATS server address 1"));
  EXPECT_THAT(refused.error().ToString(), Not(HasSubstr("hunter2")));
  config.broker = JetStreamBrokerConfig{.url = Secret("nats://h"), .credentials_path = "/nowhere/n.creds"};
  EXPECT_THAT(Engine::Open(config).error().message(), HasSubstr("/nowhere/n.creds"));
}

TEST_F(JetStreamReplicasTest, MalformedBrokerMetadataIsRefusedAtRegistration) {
  const auto refused = one_->Global().topics().Register("t", NumberSchema(), {{"retention_seconds", "soon"}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr("retention_seconds = 'soon'"));
  EXPECT_FALSE(one_->Global().topics().Find("t"));
}

}  // namespace
}  // namespace jammi
