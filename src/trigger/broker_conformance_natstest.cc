// What every driver promises, on every driver (TRG-049...054, and the reference's cases of brokers alone).
#include <future>

#include "trigger/jetstream/nats_fixture.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Driver {
  const char* name;
  std::optional<NatsVersion> server;  // absent: in memory
};
void PrintTo(const Driver& driver, std::ostream* out) { *out << driver.name; }

class BrokerConformance : public testing::TestWithParam<Driver> {
 protected:
  BrokerConformance() {
    SetLog(LogLevel::kOff, LogFormat::kText);
    EXPECT_TRUE(broker_->RegisterTopic(topic_));
  }
  ~BrokerConformance() override {
    EXPECT_TRUE(broker_->DropTopic(topic_.id));
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  static std::shared_ptr<TriggerBroker> Open() {
    if (!GetParam().server) return NewMemoryBroker();
    return OpenJetStream(SharedNats(*GetParam().server));
  }
  Result<Offset> Publish(uint64_t offset, const std::string& kind = "X") {
    return broker_->Publish(topic_.id, BatchS(static_cast<int64_t>(offset), kind),
                            1000 + static_cast<int64_t>(offset), offset, std::nullopt);
  }
  void PublishRange(uint64_t begin, uint64_t end) {
    for (; begin < end; ++begin) JAMMI_OK(Publish(begin));
  }
  std::unique_ptr<Subscription> Subscribe(std::optional<uint64_t> from = std::nullopt,
                                          const std::string& sql = "") {
    auto made = broker_->Subscribe(topic_.id, *Predicate::Compile(sql, SchemaS()), from);
    EXPECT_TRUE(made) << made.error().ToString();
    return made ? std::move(*made) : nullptr;
  }
  // Nothing comes that should not: an event published now is the next one.
  void ExpectNextIs(Subscription& subscription, uint64_t offset) {
    JAMMI_OK(Publish(offset));
    EXPECT_EQ(NextOf(subscription).offset, offset);
  }

  const Topic topic_ = NewTopic();
  const std::shared_ptr<TriggerBroker> broker_ = Open();
};

INSTANTIATE_TEST_SUITE_P(On, BrokerConformance,
                         testing::Values(Driver{"Memory", std::nullopt},
                                         Driver{"NatsPinned", NatsVersion::kPinned},
                                         Driver{"NatsDebian", NatsVersion::kDebian}),
                         [](const auto& each) { return each.param.name; });

TEST_P(BrokerConformance, Trg049TheTenantTravelsAndIsNotCompared) {
  const auto subscription = Subscribe();
  JAMMI_OK(broker_->Publish(topic_.id, BatchS(1, "X", 3), 5, 0, Tenant(1)));
  JAMMI_OK(broker_->Publish(topic_.id, BatchS(2), 6, 1, std::nullopt));
  const auto first = NextOf(*subscription);
  EXPECT_EQ(first.tenant, Tenant(1));
  EXPECT_EQ(first.produced_at, 5);
  EXPECT_TRUE(first.batch->Equals(*BatchS(1, "X", 3))) << first.batch->ToString();
  EXPECT_EQ(NextOf(*subscription).tenant, std::nullopt);
}

TEST_P(BrokerConformance, Trg050SameSchemaAgainIsANoOpAnotherIsAConflict) {
  const auto subscription = Subscribe();
  JAMMI_OK(broker_->RegisterTopic(topic_));
  Topic other = topic_;
  other.schema = arrow::schema({arrow::field("id", arrow::int64())});
  const auto refused = broker_->RegisterTopic(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<SchemaConflictDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<SchemaConflictDetail>()->topic, "t");
  ExpectNextIs(*subscription, 0);
}

TEST_P(BrokerConformance, Trg051Trg058FromOffsetIsALowerBound) {
  const auto all = Subscribe();
  PublishRange(0, 5);
  EXPECT_EQ(NextOffsets(*Subscribe(2), 3), Range(2, 5));
  const auto later = Subscribe(7);
  PublishRange(5, 9);
  EXPECT_EQ(NextOffsets(*later, 2), Range(7, 9));
  EXPECT_EQ(NextOffsets(*all, 9), Range(0, 9));
}

TEST_P(BrokerConformance, Trg053UnknownTopicsAreNotFound) {
  const TopicId unknown(Uuid::RandomV4());
  std::promise<Result<Offset>> later;
  broker_->PublishAsync(unknown, BatchS(0), 0, 0, std::nullopt,
                        [&](auto result) { later.set_value(std::move(result)); });
  for (const auto& error : {broker_->Publish(unknown, BatchS(0), 0, 0, std::nullopt).error(),
                            broker_->Subscribe(unknown, Predicate::MatchAll(), std::nullopt).error(),
                            broker_->ListConsumers(unknown).error(), later.get_future().get().error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    ASSERT_NE(error.As<TopicNotFoundDetail>(), nullptr);
    EXPECT_EQ(error.As<TopicNotFoundDetail>()->topic, unknown.ToString());
  }
  JAMMI_OK(broker_->DropTopic(unknown));
}

TEST_P(BrokerConformance, Case30Trg054TheDriverAppliesThePredicate) {
  const auto all = Subscribe();  // keeps them, in memory
  for (uint64_t i = 0; i < 20; ++i) JAMMI_OK(Publish(i, i % 2 == 0 ? "X" : "Y"));
  const auto x = Subscribe(0, "kind = 'X'");
  EXPECT_EQ(NextOffsets(*x, 10), Range(0, 20, 2));
  ExpectNextIs(*x, 20);
  EXPECT_EQ(NextOffsets(*all, 21), Range(0, 21));
}

TEST_P(BrokerConformance, APredicateThatRejectsMoreThanABufferHoldsFindsTheLast) {
  const auto last = Subscribe(std::nullopt, "kind = 'last'");
  PublishRange(0, 600);
  JAMMI_OK(Publish(600, "last"));
  EXPECT_EQ(NextOf(*last).offset, 600U);
}

TEST_P(BrokerConformance, Trg057OnlyWhatComesAfterTheAttach) {
  PublishRange(0, 3);
  const auto subscription = Subscribe();
  PublishRange(3, 5);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(3, 5));
}

TEST_P(BrokerConformance, AsynchronousPublishesArriveInOrder) {
  const auto subscription = Subscribe();
  std::atomic<int> failed = 0;
  for (uint64_t i = 0; i < 500; ++i) {
    broker_->PublishAsync(topic_.id, BatchS(0), 0, i, std::nullopt,
                          [&](const auto& result) { failed += result ? 0 : 1; });
  }
  EXPECT_EQ(NextOffsets(*subscription, 500), Range(0, 500));
  EXPECT_EQ(failed, 0);
}

TEST_P(BrokerConformance, GapsAreTheEnginesBusiness) {
  const auto subscription = Subscribe();
  for (const uint64_t offset : {1000, 1001, 1005, 1006}) JAMMI_OK(Publish(offset));
  EXPECT_THAT(NextOffsets(*subscription, 4), ElementsAre(1000, 1001, 1005, 1006));
}

TEST_P(BrokerConformance, AForeignSchemaIsRefused) {
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::null())}), 1,
                                              {*arrow::MakeArrayOfNull(arrow::null(), 1)});
  const auto refused = broker_->Publish(topic_.id, batch, 0, 0, std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().As<BatchSchemaMismatchDetail>(), nullptr);
  EXPECT_FALSE(broker_->Publish(topic_.id, nullptr, 0, 0, std::nullopt));
}

TEST_P(BrokerConformance, AnEventWithoutRowsIsAnEvent) {
  const auto subscription = Subscribe();
  JAMMI_OK(broker_->Publish(topic_.id, BatchS(0)->Slice(0, 0), 0, 0, std::nullopt));
  EXPECT_EQ(NextOf(*subscription).batch->num_rows(), 0);
}

TEST_P(BrokerConformance, Trg060DropEndsSubscriptionsAndMayBeRepeated) {
  const auto subscription = Subscribe();
  PublishRange(0, 3);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(0, 3));
  JAMMI_OK(broker_->DropTopic(topic_.id));
  EXPECT_THAT(Drain(*subscription), IsEmpty());
  EXPECT_EQ(Publish(3).error().code(), ErrorCode::kNotFound);
  JAMMI_OK(broker_->DropTopic(topic_.id));
}

TEST_P(BrokerConformance, Case15Case31Trg061Trg075ConsumersAreListed) {
  EXPECT_THAT(*broker_->ListConsumers(topic_.id), IsEmpty());
  auto one = Subscribe();
  const auto two = Subscribe();
  PublishRange(0, 3);
  EXPECT_EQ(NextOffsets(*one, 3), Range(0, 3));
  EXPECT_EQ(NextOffsets(*two, 3), Range(0, 3));
  // In memory the numbers are offsets, in a stream sequences.
  const uint64_t last = GetParam().server ? 3 : 2;
  EXPECT_TRUE(AwaitTrue([&] {
    const auto consumers = broker_->ListConsumers(topic_.id);
    return consumers && consumers->size() == 2 && std::ranges::all_of(*consumers, [&](const auto& each) {
             return each.topic_id == topic_.id && !each.consumer_name.empty() &&
                    each.last_delivered_stream_sequence == last && each.last_ack_stream_sequence == last;
           });
  }));
  one.reset();
  EXPECT_TRUE(AwaitTrue([&] { return broker_->ListConsumers(topic_.id)->size() == 1; }));
}

TEST_P(BrokerConformance, CallbacksTellOfEventsAndOfTheEnd) {
  const auto subscription = Subscribe();
  Event ready;
  subscription->OnReady([&] { ready.Set(); });
  JAMMI_OK(Publish(0));
  ASSERT_TRUE(ready.Wait());
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  Event end;
  subscription->OnReady([&] { end.Set(); });
  JAMMI_OK(broker_->DropTopic(topic_.id));
  ASSERT_TRUE(end.Wait());
  EXPECT_THAT(Drain(*subscription), IsEmpty());
}

TEST_P(BrokerConformance, ABellRingsForAPublishAndNotAfterItIsGone) {
  std::atomic<int> rings = 0;
  Event heard;
  auto bell = broker_->Listen(topic_.id, [&](std::optional<uint64_t> offset) {
    ++rings;
    if (offset == 7U) heard.Set();
  });
  if (bell == nullptr) {
    EXPECT_FALSE(GetParam().server) << "only a driver within one process may do without";
    return;
  }
  ASSERT_TRUE(AwaitTrue([&] { return rings > 0; })) << "it rings when it begins to listen";
  JAMMI_OK(Publish(7));
  EXPECT_TRUE(heard.Wait());
  bell.reset();
  const int before = rings;
  const auto subscription = Subscribe();
  ExpectNextIs(*subscription, 8);
  EXPECT_EQ(rings, before);
}

}  // namespace
}  // namespace jammi
