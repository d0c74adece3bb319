// The network between engines and NATS falls silent, heals, and is cut. Publishers do not wait for it,
// subscribers of every engine go on from the log, and NATS has each event once, in order, in the end.
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/log.h"
#include "engine/number_fixture.h"
#include "nats/jetstream.h"
#include "nats/publish_window.h"
#include "support/nats_server.h"
#include "support/pg_server.h"
#include "support/tcp_proxy.h"
#include "support/temp_dir.h"

namespace jammi {
namespace {

// An engine with a way of its own to NATS, and what it is subscribed to.
struct Replica {
  explicit Replica(int nats_port) : way(nats_port, test::TcpProxy::Messages::kAny) {}

  test::TcpProxy way;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Subscription> subscription;
};

// On PostgreSQL two engines, on SQLite one.
class PartitionTest : public testing::TestWithParam<BackendKind> {
 protected:
  PartitionTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);  // connections are lost here on purpose
    const bool postgres = GetParam() == BackendKind::kPostgres;
    Config config;
    config.artifact_dir = folder_.path();
    if (postgres) {
      config.catalog = PostgresCatalogConfig{
          .url = Secret(test::PgServer::Shared().Url(test::PgServer::Shared().CreateDatabase()))};
    }
    for (int i = 0; i < (postgres ? 2 : 1); ++i) {
      replicas_.push_back(std::make_unique<Replica>(nats_.port()));
      config.broker = JetStreamBrokerConfig{.url = Secret(nats_.Url(replicas_.back()->way.port()))};
      auto engine = Engine::Open(config);
      if (!engine) throw std::runtime_error(engine.error().ToString());
      replicas_.back()->engine = std::move(*engine);
    }
    topic_ = replicas_[0]->engine->Global().topics().Register("t", NumberSchema())->id;
    for (auto& replica : replicas_)
      replica->subscription = *replica->engine->Global().Subscribe("t", From::Offset(0));
  }
  ~PartitionTest() override { SetLog(LogLevel::kWarning, LogFormat::kText); }

  void ForEachWay(const std::function<void(test::TcpProxy&)>& what) {
    for (auto& replica : replicas_) what(replica->way);
  }
  [[nodiscard]] FanOutStatus FanOut(const Replica& replica) const {
    return *replica.engine->Global().topics().FanOut(topic_);
  }

  // By every engine in turn; every engine delivers them.
  void Round() {
    const int64_t begin = next_;
    for (next_ += 10; published_ < next_; ++published_) {
      const auto& engine = replicas_[static_cast<size_t>(published_) % replicas_.size()]->engine;
      const auto offset = engine->Global().Publish(topic_, Number(published_), Patience());
      ASSERT_TRUE(offset) << offset.error().ToString();
      ASSERT_EQ(offset->value, static_cast<uint64_t>(published_));
    }
    for (auto& replica : replicas_) ExpectNumbers(*replica->subscription, begin, next_);
  }
  void ExpectThatNobodyHasWaited() {
    for (auto& replica : replicas_) {
      EXPECT_GE(FanOut(*replica).waiting, 10 / replicas_.size()) << "acknowledged, and not in NATS yet";
    }
  }
  // NATS has every event once, in order.
  void ExpectAllInTheStream() {
    for (auto& replica : replicas_) {
      ASSERT_TRUE(AwaitTrue([&] { return !FanOut(*replica).failing && FanOut(*replica).waiting == 0; }))
          << FanOut(*replica).last_error;
      EXPECT_EQ(FanOut(*replica).lost, 0U);
    }
    const auto driver = *NewJetStreamBroker({.url = Secret(nats_.Url())});
    const auto outside = *driver->Subscribe(topic_, *Predicate::Compile("", NumberSchema()), 0);
    if (replicas_.size() == 1) {
      ExpectNumbers(*outside, 0, next_);
    } else {  // engines send in their own time: each event once, whatever lies between
      EXPECT_EQ(MessagesInStream(), static_cast<uint64_t>(next_));
    }
  }
  [[nodiscard]] std::shared_ptr<nats::Connection> Raw() const {
    auto connection = *nats::Connection::Open({.url = Secret(nats_.Url())});
    EXPECT_TRUE(connection->AwaitConnected(Patience()));
    return connection;
  }
  [[nodiscard]] uint64_t MessagesInStream() const {
    const auto raw = Raw();
    return nats::JetStream(*raw).FindStream("jammi_topic_" + topic_.ToHex())->messages;
  }
  // As an event of the topic that is none: at offsets that are there, that come next, and far away.
  void Forge() const {
    auto out = *arrow::io::BufferOutputStream::Create();
    auto writer = *arrow::ipc::MakeStreamWriter(out.get(), NumberSchema());
    ASSERT_TRUE(writer->WriteRecordBatch(*Number(666)).ok() && writer->Close().ok());
    const auto body = *out->Finish();
    nats::PublishWindow window(Raw());
    for (const int64_t offset : {int64_t{0}, next_ - 1, next_, next_ + 1, next_ + 1'000'000}) {
      const auto sent = window.PublishAndWait(
          {.subject = fmt::format("jammi.topic.{}.batch", topic_.ToHex()),
           .headers = {{"jammi-offset", std::to_string(offset)}, {"jammi-produced-at-us", "0"}},
           .body = {reinterpret_cast<const char*>(body->data()), static_cast<size_t>(body->size())}},
          Patience());
      ASSERT_TRUE(sent) << sent.error().ToString();
    }
  }

  test::NatsServer nats_;
  const test::TempDir folder_;
  std::vector<std::unique_ptr<Replica>> replicas_;
  TopicId topic_{Uuid()};
  int64_t next_ = 0;
  int64_t published_ = 0;
};

INSTANTIATE_TEST_SUITE_P(On, PartitionTest, testing::Values(BackendKind::kSqlite, BackendKind::kPostgres),
                         [](const auto& each) {
                           return each.param == BackendKind::kSqlite ? "Sqlite" : "Postgres";
                         });

TEST_P(PartitionTest, SilentHealedAndCutItCostsNobodyAnEvent) {
  Round();
  ForEachWay([](auto& way) { way.Stall(true); });
  Round();
  ExpectThatNobodyHasWaited();
  ForEachWay([](auto& way) { way.Stall(false); });  // before anybody has noticed: what was held comes now
  Round();
  ExpectAllInTheStream();

  ForEachWay([](auto& way) { way.Stall(true); });
  Round();
  for (auto& replica : replicas_) {
    ASSERT_TRUE(AwaitTrue([&] { return FanOut(*replica).failing; }));
    EXPECT_THAT(FanOut(*replica).last_error, testing::HasSubstr("NATS"));
  }
  Round();
  ForEachWay([](auto& way) {
    way.Refuse(true);
    way.CutAll();
    way.Stall(false);
  });
  Round();
  ExpectThatNobodyHasWaited();
  ForEachWay([](auto& way) { way.Refuse(false); });
  Round();
  ExpectAllInTheStream();
  for (auto& replica : replicas_) ExpectNothing(*replica->subscription);
}

// Each engine alone cannot reach NATS, while somebody there writes what no engine has published.
TEST_P(PartitionTest, WhatWasForgedMeanwhileIsNotSeenWhenItHeals) {
  Round();
  for (auto& replica : replicas_) {
    ASSERT_TRUE(AwaitTrue([&] { return FanOut(*replica).waiting == 0; }));
    replica->way.Stall(true);
    Forge();
    Round();
    replica->way.Stall(false);
    Forge();
    Round();
  }
  for (auto& replica : replicas_) {
    ASSERT_TRUE(AwaitTrue([&] { return FanOut(*replica).waiting == 0; }));
    ExpectNothing(*replica->subscription);
    ExpectNumbers(**replica->engine->Global().Subscribe("t", From::Offset(0)), 0, next_);
  }
}

}  // namespace
}  // namespace jammi
