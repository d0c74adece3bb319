// Named consumers between replicas: two processes, as far as one database can tell.
#include <mutex>
#include <random>
#include <set>
#include <thread>

#include "trigger/consumer_fixture.h"

namespace jammi {
namespace {

using testing::IsEmpty;

class ConsumerReplicasTest : public ConsumersTest {
 protected:
  void SetUp() override {
    Open(node_);
    Open(two_);
  }
  void TearDown() override { two_.Close(); }

  Node two_;
};
INSTANTIATE_TEST_SUITE_P(On, ConsumerReplicasTest, testing::Values(&test::MakePostgresHarness),
                         test::HarnessName);

const CreateConsumerOptions kOfReplicasFromStart{.from = From::Offset(0)};

TEST_P(ConsumerReplicasTest, OneReplicaReadsAndTheOtherIsRefused) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 4);
  const auto one =
      Attach(node_, a_, topic.id, "indexer", {.create_if_absent = kOfReplicasFromStart, .holder = "one"});
  const auto refused = two_.Attach(a_, topic.id, "indexer");
  ASSERT_NE(refused.error().As<LeaseHeldDetail>(), nullptr) << refused.error().ToString();
  EXPECT_EQ(refused.error().As<LeaseHeldDetail>()->holder, "one");
  EXPECT_EQ(NextOffsets(*one, 2), Range(0, 2));
  ASSERT_TRUE(one->Ack(1));
  one->Close();
  const auto two = Attach(two_, a_, topic.id, "indexer");
  EXPECT_EQ(NextOffsets(*two, 2), Range(2, 4));
  EXPECT_EQ(two_.Get(a_, topic.id, "indexer")->Lag(), 2U);
  EXPECT_EQ(node_.Get(a_, topic.id, "indexer")->lease->token, two->lease().token);
}

TEST_P(ConsumerReplicasTest, TheOneBeforeATakeoverIsFencedAndEnds) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto one =
      Attach(node_, a_, topic.id, "indexer", {.create_if_absent = kOfReplicasFromStart, .lease = kLease});
  EXPECT_EQ(NextOffsets(*one, 4), Range(0, 4));
  ASSERT_TRUE(one->Ack(0));
  node_.attachments().Write();
  ASSERT_TRUE(one->Ack(3));  // not written when the other comes
  const auto two = Attach(two_, a_, topic.id, "indexer", {.on_leased = OnLeased::kTakeOver, .lease = kLease});
  EXPECT_EQ(NextOf(*two).offset, 1U) << "behind what had reached the catalog";

  node_.attachments().Write();
  EXPECT_EQ(node_.Get(a_, topic.id, "indexer")->position.offset, 1U);
  EXPECT_EQ(LostTo(one->Next(Soon())), two->lease().token.epoch);
  EXPECT_EQ(LostTo(one->Ack(3)), two->lease().token.epoch);
  one->Close();
  EXPECT_EQ(node_.Get(a_, topic.id, "indexer")->lease->token, two->lease().token);
  ASSERT_TRUE(two->Ack(1));
  two->Close();
  EXPECT_EQ(node_.Get(a_, topic.id, "indexer")->position.offset, 2U);
}

// The holder is stopped while its lease runs out in the database; its own clock has stood still as well, as
// in a virtual machine that was suspended, so it believes in its lease.
TEST_P(ConsumerReplicasTest, AStoppedHolderIsFencedWhenItGoesOn) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto one =
      Attach(node_, a_, topic.id, "indexer", {.create_if_absent = kOfReplicasFromStart, .lease = kLease});
  EXPECT_EQ(NextOffsets(*one, 4), Range(0, 4));
  harness_->MoveClock(kLease);
  const auto two = Attach(two_, a_, topic.id, "indexer", {.lease = kLease});
  EXPECT_EQ(NextOf(*two).offset, 0U);

  ASSERT_TRUE(one->Ack(3)) << "nobody has told it yet";
  EXPECT_TRUE(one->lease().live);
  EXPECT_EQ(LostTo([&] {
              node_.attachments().Write();
              return one->Flush(Soon());
            }()),
            two->lease().token.epoch);
  EXPECT_EQ(LostTo(one->Next(Soon())), two->lease().token.epoch);
  EXPECT_EQ(two_.Get(a_, topic.id, "indexer")->position.offset, 0U);
  EXPECT_TRUE(two->Ack(0));
}

TEST_P(ConsumerReplicasTest, AnotherReplicasResetAndDeleteEndTheReader) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto one =
      Attach(node_, a_, topic.id, "indexer", {.create_if_absent = kOfReplicasFromStart, .lease = kLease});
  EXPECT_EQ(NextOffsets(*one, 6), Range(0, 6));
  ASSERT_TRUE(one->Ack(5));
  ASSERT_TRUE(two_.Reset(a_, topic.id, "indexer", From::Offset(2), OnLeased::kTakeOver));
  node_.attachments().Write();
  EXPECT_NE(LostTo(one->Next(Soon())), std::nullopt);
  EXPECT_EQ(node_.Get(a_, topic.id, "indexer")->position.offset, 2U);

  const auto again = Attach(node_, a_, topic.id, "indexer", {.lease = kLease});
  ASSERT_TRUE(two_.Delete(a_, topic.id, "indexer", OnLeased::kTakeOver));
  MoveTime(kLease / 2);
  node_.attachments().keeper().Renew();
  EXPECT_EQ(LostTo(again->Next(Soon())), 0);
}

TEST_P(ConsumerReplicasTest, ADropByAnotherReplicaEndsTheStream) {
  const Topic topic = Register("quakes");
  const auto one =
      Attach(node_, a_, topic.id, "indexer", {.create_if_absent = kOfReplicasFromStart, .lease = kLease});
  ASSERT_TRUE(two_.streams->DropTopic(Scope::Global(), topic.id));
  MoveTime(kLease / 2);
  node_.attachments().keeper().Renew();  // hears that the consumer is gone, and looks why
  EXPECT_THAT(Drain(*one), IsEmpty());
}

// Two replicas hand one consumer to and fro by force while both acknowledge as fast as they can, with the
// threads of a real engine. Each event is delivered at least once, and what the catalog holds never falls.
TEST_P(ConsumerReplicasTest, UnderContentionNothingIsSkipped) {
  node_.Close();
  two_.Close();
  Open(node_, /*threads=*/true);
  Open(two_, /*threads=*/true);
  const Topic topic = Register("quakes");
  constexpr uint64_t kEvents = 300;
  Publish(topic, 0, kEvents);
  ASSERT_TRUE(node_.Create(a_, topic.id, "indexer"));
  std::mutex mutex;
  std::set<uint64_t> acknowledged;
  std::atomic<bool> finished = false;
  const auto work = [&](const Node& node, uint64_t seed) {
    std::mt19937_64 random(seed);
    while (!finished && !HasFailure()) {
      auto reader = node.Attach(a_, topic.id, "indexer", {.on_leased = OnLeased::kTakeOver});
      if (!reader) continue;  // another came between
      // It begins where all before was acknowledged by somebody.
      uint64_t expected = (*reader)->position();
      {
        const std::lock_guard lock(mutex);
        for (uint64_t offset = 0; offset < expected; ++offset) ASSERT_TRUE(acknowledged.contains(offset));
      }
      for (uint64_t reads = 1 + random() % 60; reads > 0; --reads) {
        const auto next = (*reader)->Next(Deadline::After(std::chrono::milliseconds(50)));
        if (!next) break;
        ASSERT_TRUE(next->has_value());
        ASSERT_EQ((*next)->offset, expected++);
        const std::lock_guard lock(mutex);
        acknowledged.insert((*next)->offset);  // before it is said: the answer may be late
        if (!(*reader)->Ack((*next)->offset)) break;
      }
      if (random() % 2 == 0)
        IgnoreError((*reader)->Flush(Deadline::After(std::chrono::seconds(5))), "taken over");
      const auto consumer = node.Get(a_, topic.id, "indexer");
      if (consumer && consumer->Lag() == 0) finished = true;
    }
  };
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  {
    std::jthread one([&] { work(node_, seed); });
    std::jthread two([&] { work(two_, seed + 1); });
  }
  EXPECT_EQ(acknowledged.size(), kEvents);
  EXPECT_EQ(node_.Get(a_, topic.id, "indexer")->position.offset, kEvents);
}

}  // namespace
}  // namespace jammi
