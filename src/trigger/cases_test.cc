// Cases 1 to 21 of the reference, on every database. (15: memory_broker_test.cc, 24: streams_test.cc.)
#include <random>
#include <thread>

#include "catalog/harness.h"
#include "trigger/streams_case.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Lives longer than the streams on it.
struct WithHarness {
  const std::unique_ptr<test::Harness> harness;
};

class StreamsOnEveryDatabase : private WithHarness,
                               public StreamsCase,
                               public testing::WithParamInterface<test::MakeHarness> {
 protected:
  StreamsOnEveryDatabase() : WithHarness{GetParam()()}, StreamsCase([this] { return harness->Open(); }) {}
};
JAMMI_ON_EVERY_DATABASE(StreamsOnEveryDatabase);

TEST_P(StreamsOnEveryDatabase, Case01LivePredicateSelectsEveryOtherEvent) {
  const Topic topic = Register("t");
  const auto subscription = Subscribe(topic, From::Newest(), "kind = 'X'");
  PublishMany(topic, 0, 100);
  EXPECT_EQ(NextOffsets(*subscription, 50), Range(0, 100, 2));
  ExpectNothing(*subscription);
}

TEST_P(StreamsOnEveryDatabase, Case02ANewEngineReplaysEverything) {
  const Topic topic = Register("t");
  PublishMany(topic, 0, 100);
  Reopen();
  const auto replayed = Replay(topic);
  EXPECT_EQ(Offsets(replayed), Range(0, 100));
  for (const auto& event : replayed) ASSERT_THAT(Ids(*event.batch), ElementsAre(event.offset));
}

TEST_P(StreamsOnEveryDatabase, Case03TwoPredicatesShareTheEvents) {
  const Topic topic = Register("t");
  const auto x = Subscribe(topic, From::Newest(), "kind = 'X'");
  const auto y = Subscribe(topic, From::Newest(), "kind = 'Y'");
  PublishMany(topic, 0, 100);
  EXPECT_EQ(NextOffsets(*x, 50), Range(0, 100, 2));
  EXPECT_EQ(NextOffsets(*y, 50), Range(1, 100, 2));
}

TEST_P(StreamsOnEveryDatabase, Case04AForeignTopicIsInvisible) {
  Register("mine", a_);
  Register("theirs", b_);
  EXPECT_TRUE(streams_->FindTopic(a_, "mine"));
  ExpectNotFound(streams_->FindTopic(a_, "theirs"), "theirs");
}

TEST_P(StreamsOnEveryDatabase, Case05AWrongSchemaWritesNothing) {
  const Topic topic = Register("quakes");
  const auto batch = *BatchS(1)->SelectColumns({0});
  const auto refused = streams_->Publish(Scope::Global(), topic.id, batch, Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  ASSERT_NE(refused.error().As<BatchSchemaMismatchDetail>(), nullptr);
  EXPECT_THAT(refused.error().message(), HasSubstr("topic 'quakes' expected 3 columns, got 1"));
  ExpectNothing(*Subscribe(topic, From::Offset(0)));
}

TEST_P(StreamsOnEveryDatabase, Case06ASlowReaderMissesNothing) {
  const Topic topic = Register("t");
  const auto subscription = Subscribe(topic, From::Newest());
  for (int64_t i = 0; i < 200; i += 20) {
    PublishMany(topic, i, i + 20);
    EXPECT_EQ(NextOf(*subscription).offset, static_cast<uint64_t>(i / 20));
  }
  EXPECT_EQ(NextOffsets(*subscription, 190), Range(10, 200));
}

TEST_P(StreamsOnEveryDatabase, Case07TheEmptyPredicateMatchesEverything) {
  const Topic topic = Register("t");
  const auto subscription = Subscribe(topic, From::Newest(), "  ");
  PublishMany(topic, 0, 5);
  EXPECT_EQ(NextOffsets(*subscription, 5), Range(0, 5));
}

TEST_P(StreamsOnEveryDatabase, Case08RegisterListDrop) {
  const auto topic =
      streams_->RegisterTopic(Scope::Global(), "t", SchemaS(), {{"retention_seconds", "3600"}});
  JAMMI_OK(topic);
  const auto listed = streams_->ListTopics(Scope::Global(), 100);
  JAMMI_OK(listed);
  ASSERT_EQ(listed->topics.size(), 1U);
  EXPECT_EQ(listed->topics[0].name, "t");
  EXPECT_EQ(listed->topics[0].id, topic->id);
  EXPECT_TRUE(listed->topics[0].schema->Equals(*SchemaS()));
  EXPECT_EQ(listed->topics[0].broker_metadata.at("retention_seconds"), "3600");
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic->id));
  EXPECT_THAT(streams_->ListTopics(Scope::Global(), 100)->topics, IsEmpty());
}

TEST_P(StreamsOnEveryDatabase, Case09DropOfAnUnknownIdIsNotFound) {
  const TopicId unknown(Uuid::RandomV4());
  ExpectNotFound(streams_->DropTopic(Scope::Global(), unknown), unknown.ToString());
}

TEST_P(StreamsOnEveryDatabase, Case10PredicatesAreCheckedAtSubscribe) {
  const Topic topic = Register("t");
  const auto refused = [&](const char* sql) {
    return streams_->Subscribe(Scope::Global(), topic.id, From::Newest(), {.predicate = sql}).error();
  };
  EXPECT_NE(refused("SUM(id) > 0").As<PredicateUnsupportedDetail>(), nullptr);
  EXPECT_NE(refused("(((").As<PredicateParseDetail>(), nullptr);
  EXPECT_NE(refused("no_such_column = 1").As<PredicateParseDetail>(), nullptr);
  EXPECT_EQ(streams_->feeds(), 0U) << "nothing stays behind";
}

TEST_P(StreamsOnEveryDatabase, Case11FiniteReplay) {
  const Topic topic = Register("t");
  PublishMany(topic, 0, 2);
  EXPECT_THAT(Offsets(Replay(topic)), ElementsAre(0, 1));
  EXPECT_THAT(Offsets(Replay(topic, Scope::Global(), "kind = 'X'")), ElementsAre(0));
  EXPECT_THAT(Drain(*Subscribe(topic, From::Newest(), "", Scope::Global(), /*follow=*/false)), IsEmpty());
}

TEST_P(StreamsOnEveryDatabase, Case12Case13GlobalTopicsAreSharedAndSeparated) {
  const Topic topic = Register("t");
  Publish(topic, BatchS(1), a_);
  Publish(topic, BatchS(2), b_);
  Publish(topic, BatchS(3));
  EXPECT_THAT(FirstIds(Replay(topic, a_)), ElementsAre(1, 3));
  EXPECT_THAT(FirstIds(Replay(topic, b_)), ElementsAre(2, 3));
  EXPECT_THAT(FirstIds(Replay(topic)), ElementsAre(3));

  const Topic other = Register("other");
  Publish(other, BatchS(10), a_);
  Publish(other, BatchS(20), b_);
  Publish(other, BatchS(11), a_);
  EXPECT_THAT(FirstIds(Replay(other, a_)), ElementsAre(10, 11));
  EXPECT_THAT(FirstIds(Replay(other, b_)), ElementsAre(20));
  EXPECT_THAT(FirstIds(Replay(other)), IsEmpty());
}

TEST_P(StreamsOnEveryDatabase, Case14APinnedTopicTakesItsTenantsEventsOnly) {
  const Topic topic = Register("pinned", a_);
  for (const auto& [scope, named] : {std::pair{b_, b_.Key()}, std::pair{Scope::Global(), std::string()}}) {
    const auto refused = streams_->Publish(scope, topic.id, BatchS(1), Soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kPermissionDenied);
    const auto* detail = refused.error().As<PublishTenantMismatchDetail>();
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->topic, "pinned");
    EXPECT_EQ(detail->topic_tenant, a_.Key());
    EXPECT_EQ(detail->publish_tenant, named);
  }
  EXPECT_THAT(Replay(topic, a_), IsEmpty());
  EXPECT_EQ(Publish(topic, BatchS(1), a_).value, 0U);
}

TEST_P(StreamsOnEveryDatabase, Case16AFailedFanOutIsNoFailedPublish) {
  const std::shared_ptr<TriggerBroker> broker = NewMemoryBroker();
  ReopenWith(broker);
  const Topic topic = Register("t");
  FailNextPublish(*broker, "simulated broker outage");
  EXPECT_EQ(Publish(topic, BatchS(1, "X", 1)).value, 0U);
  EXPECT_EQ(Replay(topic).at(0).batch->num_rows(), 1);
  EXPECT_EQ(Publish(topic, BatchS(2)).value, 1U);
}

TEST_P(StreamsOnEveryDatabase, Case17TheLogIsWholeWhateverTheBrokerDid) {
  ReopenWith(std::make_shared<FlakyBroker>([](uint64_t offset) { return offset == 7; }));
  const Topic topic = Register("t");
  PublishMany(topic, 0, 64);
  ReopenWith(NewMemoryBroker());
  EXPECT_EQ(NextOffsets(*Subscribe(topic, From::Offset(0)), 64), Range(0, 64));
}

TEST_P(StreamsOnEveryDatabase, Case18ReplayAndLiveTailHaveNoSeam) {
  ReopenWith(std::make_shared<FlakyBroker>([](uint64_t offset) { return offset == 4; }));
  const Topic topic = Register("t");
  PublishMany(topic, 0, 10);
  const auto subscription = Subscribe(topic, From::Offset(0));
  PublishMany(topic, 10, 20);
  EXPECT_EQ(NextOffsets(*subscription, 20), Range(0, 20));
}

TEST_P(StreamsOnEveryDatabase, Case19FailuresAndAttachesAtRandom) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 24; ++round) {
    const auto total = static_cast<int64_t>(4 + random() % 28);
    const uint64_t fails_at = random() % static_cast<uint64_t>(total);
    const uint64_t from = random() % (fails_at + 1);
    ReopenWith(std::make_shared<FlakyBroker>([fails_at](uint64_t offset) { return offset == fails_at; }));
    const Topic topic = Register(fmt::format("t{}", round));
    std::thread publisher([&] { PublishMany(topic, 0, total); });
    const auto subscription = Subscribe(topic, From::Offset(from));
    EXPECT_EQ(NextOffsets(*subscription, static_cast<size_t>(total) - from),
              Range(from, static_cast<uint64_t>(total)));
    publisher.join();
    ExpectNothing(*subscription);
  }
}

TEST_P(StreamsOnEveryDatabase, Case20WhoPollsDoesNotMatter) {
  const Topic topic = Register("t");
  for (int64_t i = 0; i < 2; ++i) {
    Publish(topic, BatchS(100 + i), a_);
    Publish(topic, BatchS(200 + i), b_);
  }
  const auto subscription = Subscribe(topic, From::Offset(0), "", a_);
  std::thread([&] {
    EXPECT_THAT(Ids(*NextOf(*subscription).batch), ElementsAre(100));
    EXPECT_THAT(Ids(*NextOf(*subscription).batch), ElementsAre(101));
    ExpectNothing(*subscription);
  }).join();
}

TEST_P(StreamsOnEveryDatabase, Case21LiveEventsReachTheirTenant) {
  const Topic topic = Register("t");
  const auto a = Subscribe(topic, From::Newest(), "", a_);
  const auto b = Subscribe(topic, From::Newest(), "", b_);
  Publish(topic, BatchS(1), a_);
  EXPECT_EQ(NextOf(*a).offset, 0U);
  ExpectNothing(*b);
  Publish(topic, BatchS(2));
  EXPECT_EQ(NextOf(*b).offset, 1U);
}

}  // namespace
}  // namespace jammi
