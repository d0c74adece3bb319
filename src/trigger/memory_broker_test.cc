// The in-memory driver, used alone.
#include "trigger/memory_broker.h"

#include <thread>

#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class MemoryBrokerTest : public testing::Test {
 protected:
  MemoryBrokerTest() { EXPECT_TRUE(broker_->RegisterTopic(topic_)); }

  Result<Offset> Publish(uint64_t offset, const std::string& kind = "X") {
    return broker_->Publish(topic_.id, BatchS(static_cast<int64_t>(offset), kind),
                            1000 + static_cast<int64_t>(offset), offset, std::nullopt);
  }
  void PublishRange(uint64_t begin, uint64_t end) {
    for (; begin < end; ++begin) ASSERT_TRUE(Publish(begin));
  }
  std::unique_ptr<Subscription> Subscribe(std::optional<uint64_t> from = std::nullopt) {
    auto made = broker_->Subscribe(topic_.id, Predicate::MatchAll(), from);
    EXPECT_TRUE(made) << made.error().ToString();
    return made ? std::move(*made) : nullptr;
  }

  const Topic topic_{.id = TopicId(Uuid::RandomV4()), .name = "t", .schema = SchemaS()};
  std::unique_ptr<TriggerBroker> broker_ = NewMemoryBroker();
};

TEST_F(MemoryBrokerTest, Trg049TheTenantTravelsAndIsNotCompared) {
  const auto subscription = Subscribe();
  JAMMI_OK(broker_->Publish(topic_.id, BatchS(1), 5, 0, Tenant(1)));
  JAMMI_OK(broker_->Publish(topic_.id, BatchS(2), 6, 1, std::nullopt));
  const auto first = NextOf(*subscription);
  EXPECT_EQ(first.tenant, Tenant(1));
  EXPECT_EQ(first.produced_at, 5);
  EXPECT_EQ(NextOf(*subscription).tenant, std::nullopt);
}

TEST_F(MemoryBrokerTest, Trg050SameSchemaAgainIsANoOpAnotherIsAConflict) {
  JAMMI_OK(broker_->RegisterTopic(topic_));
  Topic other = topic_;
  other.schema = arrow::schema({arrow::field("id", arrow::int64())});
  const auto refused = broker_->RegisterTopic(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<SchemaConflictDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<SchemaConflictDetail>()->topic, "t");
}

TEST_F(MemoryBrokerTest, Trg051Trg058FromOffsetIsALowerBound) {
  const auto all = Subscribe();
  PublishRange(0, 5);
  EXPECT_EQ(NextOffsets(*Subscribe(2), 3), Range(2, 5));
  const auto later = Subscribe(7);
  PublishRange(5, 9);
  EXPECT_EQ(NextOffsets(*later, 2), Range(7, 9));
  EXPECT_EQ(NextOffsets(*all, 9), Range(0, 9));
}

TEST_F(MemoryBrokerTest, Trg052AnOffsetThatIsGoneIsEvicted) {
  PublishRange(0, 5);  // nobody is attached
  const auto refused = broker_->Subscribe(topic_.id, Predicate::MatchAll(), 3);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<OffsetEvictedDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<OffsetEvictedDetail>()->low_water, 5U);
  EXPECT_NE(Subscribe(5), nullptr);
}

TEST_F(MemoryBrokerTest, Trg053UnknownTopicsAreNotFound) {
  const TopicId unknown(Uuid::RandomV4());
  for (const auto& error : {broker_->Publish(unknown, BatchS(0), 0, 0, std::nullopt).error(),
                            broker_->Subscribe(unknown, Predicate::MatchAll(), std::nullopt).error(),
                            broker_->ListConsumers(unknown).error()}) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    ASSERT_NE(error.As<TopicNotFoundDetail>(), nullptr);
    EXPECT_EQ(error.As<TopicNotFoundDetail>()->topic, unknown.ToString());
  }
}

TEST_F(MemoryBrokerTest, Trg054TheDriverAppliesThePredicate) {
  const auto x = broker_->Subscribe(topic_.id, *Predicate::Compile("kind = 'X'", SchemaS()), std::nullopt);
  JAMMI_OK(x);
  for (uint64_t i = 0; i < 6; ++i) JAMMI_OK(Publish(i, i % 2 == 0 ? "X" : "Y"));
  EXPECT_EQ(NextOffsets(**x, 3), Range(0, 6, 2));
  ExpectNothing(**x);
}

TEST_F(MemoryBrokerTest, Trg055Trg059ALaggardIsToldTheLowWaterOfTheRing) {
  broker_ = NewMemoryBroker({.ring_events = 5});  // rounded up to 8
  JAMMI_OK(broker_->RegisterTopic(topic_));
  const auto slow = Subscribe();
  const auto in_time = Subscribe();
  PublishRange(0, 8);
  EXPECT_EQ(NextOffsets(*in_time, 8), Range(0, 8));
  PublishRange(8, 10);
  const auto next = slow->Next(Soon());
  ASSERT_FALSE(next);
  ASSERT_NE(next.error().As<OffsetEvictedDetail>(), nullptr);
  EXPECT_EQ(next.error().As<OffsetEvictedDetail>()->low_water, 2U);
  EXPECT_EQ(NextOffsets(*in_time, 2), Range(8, 10));
}

TEST_F(MemoryBrokerTest, Trg056Trg057OnlyWhatComesAfterTheAttach) {
  PublishRange(0, 3);
  const auto subscription = Subscribe();
  PublishRange(3, 5);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(3, 5));
  ExpectNothing(*subscription);
}

TEST_F(MemoryBrokerTest, GapsAreTheEnginesBusinessAndOrderIsNot) {
  const auto subscription = Subscribe();
  for (const uint64_t offset : {1000, 1001, 1005, 1006}) JAMMI_OK(Publish(offset));
  EXPECT_THAT(NextOffsets(*subscription, 4), ElementsAre(1000, 1001, 1005, 1006));
  const auto refused = Publish(1006);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(MemoryBrokerTest, AForeignSchemaIsRefused) {
  const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("x", arrow::null())}), 1,
                                              {*arrow::MakeArrayOfNull(arrow::null(), 1)});
  const auto refused = broker_->Publish(topic_.id, batch, 0, 0, std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().As<BatchSchemaMismatchDetail>(), nullptr);
  EXPECT_FALSE(broker_->Publish(topic_.id, nullptr, 0, 0, std::nullopt));
}

TEST_F(MemoryBrokerTest, Trg060DropEndsSubscriptionsAfterWhatIsBuffered) {
  const auto subscription = Subscribe();
  PublishRange(0, 3);
  JAMMI_OK(broker_->DropTopic(topic_.id));
  EXPECT_EQ(Offsets(Drain(*subscription)), Range(0, 3));
  EXPECT_FALSE(Publish(3));
  JAMMI_OK(broker_->DropTopic(topic_.id));
}

TEST_F(MemoryBrokerTest, Case15Trg061ConsumersAreTheLiveSubscriptions) {
  EXPECT_THAT(*broker_->ListConsumers(topic_.id), IsEmpty());
  auto one = Subscribe();
  auto two = broker_->Subscribe(topic_.id, *Predicate::Compile("kind = 'Y'", SchemaS()), std::nullopt);
  JAMMI_OK(two);
  EXPECT_EQ(broker_->ListConsumers(topic_.id)->at(0).last_delivered_stream_sequence, 0U);
  PublishRange(0, 3);
  EXPECT_EQ(NextOffsets(*one, 3), Range(0, 3));
  ExpectNothing(**two);
  const auto consumers = broker_->ListConsumers(topic_.id);
  JAMMI_OK(consumers);
  ASSERT_EQ(consumers->size(), 2U);
  EXPECT_EQ(consumers->at(0).consumer_name, one->id().ToString());
  for (const auto& consumer : *consumers) {
    EXPECT_EQ(consumer.topic_id, topic_.id);
    EXPECT_EQ(consumer.last_delivered_stream_sequence, 2U) << "what the predicate rejected counts";
    EXPECT_EQ(consumer.last_ack_stream_sequence, 2U);
  }
  one.reset();
  EXPECT_EQ(broker_->ListConsumers(topic_.id)->size(), 1U);
  (*two)->Close();
  EXPECT_THAT(*broker_->ListConsumers(topic_.id), IsEmpty());
}

TEST_F(MemoryBrokerTest, Case22Trg062AnArmedFailureHappensOnce) {
  FailNextPublish(*broker_, "simulated broker outage");
  EXPECT_TRUE(broker_->WantsPublish(topic_.id));
  const auto refused = broker_->Publish(TopicId(Uuid::RandomV4()), BatchS(0), 0, 0, std::nullopt);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable) << "checked before the topic is";
  EXPECT_EQ(refused.error().message(), "simulated broker outage");
  ASSERT_NE(refused.error().As<BrokerDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<BrokerDetail>()->driver, "in_memory");
  JAMMI_OK(Publish(0));
}

TEST_F(MemoryBrokerTest, NobodyAttachedMeansNothingIsWanted) {
  EXPECT_FALSE(broker_->WantsPublish(topic_.id));
  auto subscription = Subscribe();
  EXPECT_TRUE(broker_->WantsPublish(topic_.id));
  subscription.reset();
  EXPECT_FALSE(broker_->WantsPublish(topic_.id));
  EXPECT_FALSE(broker_->WantsPublish(TopicId(Uuid::RandomV4())));
}

TEST_F(MemoryBrokerTest, Trg063SubscriptionsEndWithTheirBroker) {
  const auto subscription = Subscribe();
  Event ready;
  subscription->OnReady([&] { ready.Set(); });
  broker_.reset();
  EXPECT_TRUE(ready.IsSet());
  EXPECT_THAT(Drain(*subscription), IsEmpty());
}

TEST_F(MemoryBrokerTest, EveryAttachedSubscriberSeesEverything) {
  std::vector<std::unique_ptr<Subscription>> subscriptions;
  for (int i = 0; i < 4; ++i) subscriptions.push_back(Subscribe());
  std::vector<std::thread> readers;
  for (auto& subscription : subscriptions) {
    readers.emplace_back([&] { EXPECT_EQ(NextOffsets(*subscription, 900), Range(0, 900)); });
  }
  PublishRange(0, 900);
  for (auto& reader : readers) reader.join();
}

TEST(BrokerKind, HasTheNamesOfTheConfiguration) {
  EXPECT_EQ(ToString(BrokerKind::kInMemory), "in_memory");
  EXPECT_EQ(ToString(BrokerKind::kJetStream), "jet_stream");
  EXPECT_EQ(NewMemoryBroker()->driver_kind(), BrokerKind::kInMemory);
}

}  // namespace
}  // namespace jammi
