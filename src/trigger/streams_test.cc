// The reference's cases of publish and subscribe, on a real catalog.
#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string KindOf(int64_t i) { return i % 2 == 0 ? "X" : "Y"; }

TEST_F(StreamsTest, Case01LivePredicateSelectsEveryOtherEvent) {
  const Topic topic = Register("t");
  const auto subscription = Subscribe(topic, From::Newest(), "kind = 'X'");
  for (int64_t i = 0; i < 100; ++i) Publish(topic, BatchS(i * 10, KindOf(i), 10));
  for (uint64_t offset = 0; offset < 100; offset += 2) {
    const Delivery delivery = NextOf(*subscription);
    ASSERT_EQ(delivery.offset, offset);
    ASSERT_EQ(delivery.batch->num_rows(), 10);
  }
  ExpectNothing(*subscription);
}

TEST_F(StreamsTest, Case02ReplayAfterRestart) {
  const Topic topic = Register("t");
  for (int64_t i = 0; i < 100; ++i) Publish(topic, BatchS(i));
  Reopen();
  const auto replayed = Replay(topic);
  ASSERT_EQ(Offsets(replayed), Range(0, 100));
  const auto ids = FirstIds(replayed);
  for (int64_t i = 0; i < 100; ++i) ASSERT_EQ(ids[static_cast<size_t>(i)], i);
}

TEST_F(StreamsTest, Case03TwoPredicatesShareTheEvents) {
  const Topic topic = Register("t");
  const auto x = Subscribe(topic, From::Newest(), "kind = 'X'");
  const auto y = Subscribe(topic, From::Newest(), "kind = 'Y'");
  for (int64_t i = 0; i < 100; ++i) Publish(topic, BatchS(i, KindOf(i)));
  EXPECT_EQ(NextOffsets(*x, 50), Range(0, 100, 2));
  EXPECT_EQ(NextOffsets(*y, 50), Range(1, 100, 2));
}

TEST_F(StreamsTest, Case11FiniteReplay) {
  const Topic topic = Register("t");
  Publish(topic, BatchS(0, "X"));
  Publish(topic, BatchS(1, "Y"));
  EXPECT_THAT(Offsets(Replay(topic)), ElementsAre(0, 1));
  EXPECT_THAT(Offsets(Replay(topic, Scope::Global(), "kind = 'X'")), ElementsAre(0));
  EXPECT_THAT(Drain(*Subscribe(topic, From::Newest(), "", Scope::Global(), /*follow=*/false)), IsEmpty());
}

}  // namespace
}  // namespace jammi
