// Trimming, as subscribers and publishers meet it.
#include <atomic>
#include <thread>

#include "trigger/test_support.h"

namespace jammi {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

class RetentionTest : public StreamsTest {
 protected:
  RetentionTest() {
    options_.trimmer.interval = std::chrono::hours(1);  // rounds are the test's
    Reopen();
  }
  // The round behind the opening is over: the next ones are the test's.
  void Reopen() {
    StreamsTest::Reopen();
    if (options_.trimmer.interval == std::chrono::hours(1)) AwaitRounds(1);
  }
  void AwaitRounds(uint64_t rounds) {
    const Deadline deadline = Soon();
    while (streams_->trimmer().stats().rounds < rounds) {
      ASSERT_FALSE(deadline.Passed());
      std::this_thread::yield();
    }
  }
  void Trim() { JAMMI_OK(streams_->trimmer().RunRound()); }
  Topic RegisterWith(const TopicRetention& retention, const Scope& scope = Scope::Global()) {
    auto topic = streams_->RegisterTopic(scope, "limited", SchemaS(), {}, retention);
    EXPECT_TRUE(topic) << topic.error().ToString();
    return *topic;
  }
  void PublishMany(const Topic& topic, int count) {
    for (int i = 0; i < count; ++i) Publish(topic, BatchS(i));
  }
  TopicStats StatsOf(const Topic& topic) { return *streams_->StatsOf(topic.owner, topic.id); }
  // The mark that a subscription ends with.
  static uint64_t MarkOf(const Error& error) {
    const auto* evicted = error.As<OffsetEvictedDetail>();
    EXPECT_NE(evicted, nullptr) << error.ToString();
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    return evicted == nullptr ? UINT64_MAX : evicted->low_water;
  }
};

TEST_F(RetentionTest, FindAndListShowWhatWasSet) {
  const Topic topic = RegisterWith({.max_events = 3});
  EXPECT_EQ(topic.retention, TopicRetention{.max_events = 3});
  EXPECT_EQ(streams_->SetRetention(Scope::Global(), topic.id, {.max_bytes = 9})->retention,
            TopicRetention{.max_bytes = 9});
  EXPECT_EQ(streams_->FindTopic(Scope::Global(), topic.id)->retention, TopicRetention{.max_bytes = 9});
  EXPECT_EQ(streams_->FindTopic(Scope::Global(), "limited")->retention, TopicRetention{.max_bytes = 9});
  EXPECT_EQ(streams_->ListTopics(Scope::Global(), 10)->topics.at(0).retention,
            TopicRetention{.max_bytes = 9});
  EXPECT_EQ(streams_->SetRetention(a_, topic.id, {}).error().code(), ErrorCode::kNotFound);
}

TEST_F(RetentionTest, StatsSayWhatIsLeft) {
  const Topic topic = RegisterWith({.max_events = 3});
  const UnixMicros first = clock_->Now();
  PublishMany(topic, 5);
  clock_->Advance(seconds(5));
  PublishMany(topic, 1);
  Trim();
  const auto stats = StatsOf(topic);
  EXPECT_EQ(stats.low_water, 3U);
  EXPECT_EQ(stats.next_offset, 6U);
  EXPECT_EQ(stats.events, 3U);
  EXPECT_EQ(stats.oldest_at, first);
  EXPECT_EQ(stats.newest_at, clock_->Now());
  EXPECT_EQ(stats.retention.max_events, 3);
  EXPECT_EQ(stats.retention.keep_for_consumers, false);
  const auto done = streams_->trimmer().stats();
  EXPECT_EQ(done.trimmed_events, 3U);
  EXPECT_EQ(done.trimmed_bytes, *stats.bytes);  // three of equal events went, three are there
  EXPECT_EQ(done.failed_rounds, 0U);
}

TEST_F(RetentionTest, ASubscriptionBelowTheMarkIsRefusedWithIt) {
  const Topic topic = RegisterWith({.max_events = 2});
  PublishMany(topic, 6);
  Trim();
  for (const bool follow : {true, false}) {
    const auto refused = streams_->Subscribe(Scope::Global(), topic.id, From::Offset(3), {.follow = follow});
    ASSERT_FALSE(refused);
    EXPECT_EQ(MarkOf(refused.error()), 4U);
  }
  EXPECT_THAT(NextOffsets(*Subscribe(topic, From::Offset(4)), 2), ElementsAre(4, 5));
  EXPECT_THAT(NextOffsets(*Subscribe(topic, From::Time(0)), 2), ElementsAre(4, 5))
      << "by time: from the oldest that there is";
}

TEST_F(RetentionTest, ALaggardBehindThePageThatHeHasGetsTheMark) {
  options_.page.events = 3;
  Reopen();
  for (const bool follow : {true, false}) {
    const Topic topic = RegisterWith({.max_events = 4});
    PublishMany(topic, 12);  // before anybody subscribes, so that no ring has them
    const auto laggard = Subscribe(topic, From::Offset(0), "", Scope::Global(), follow);
    EXPECT_EQ(NextOf(*laggard).offset, 0U);
    Trim();
    EXPECT_THAT(NextOffsets(*laggard, 2), ElementsAre(1, 2)) << "the page that was read";
    const auto next = laggard->Next(Soon());
    ASSERT_FALSE(next);
    EXPECT_EQ(MarkOf(next.error()), 8U);
    EXPECT_EQ(laggard->position(), 3U) << "where it would have gone on";
    EXPECT_EQ(MarkOf(laggard->Next(Soon()).error()), 8U) << "it stays so";
    JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
    AwaitRounds(3);  // the one behind the opening, ours, and the one behind the drop
  }
}

TEST_F(RetentionTest, WhoReadsFromTheRingDoesNotNotice) {
  const Topic topic = RegisterWith({.max_events = 1});
  const auto subscription = Subscribe(topic, From::Offset(0));
  PublishMany(topic, 10);
  Trim();
  EXPECT_EQ(StatsOf(topic).low_water, 9U);
  EXPECT_EQ(NextOffsets(*subscription, 10), Range(0, 10));
}

TEST_F(RetentionTest, AtTheHeadOfAnEmptiedTopicNothingIsWrong) {
  const Topic topic = RegisterWith({.max_age = seconds(60)});
  PublishMany(topic, 4);
  const auto at_head = Subscribe(topic, From::Newest());
  const auto replayed = Subscribe(topic, From::Offset(0));
  EXPECT_EQ(NextOffsets(*replayed, 4), Range(0, 4));
  clock_->Advance(seconds(61));
  Trim();
  EXPECT_EQ(StatsOf(topic).events, 0U);
  ExpectNothing(*at_head);
  ExpectNothing(*replayed);
  EXPECT_THAT(Replay(Register("other")), IsEmpty());
  EXPECT_THAT(Drain(*Subscribe(topic, From::Offset(4), "", Scope::Global(), /*follow=*/false)), IsEmpty());
  EXPECT_EQ(Publish(topic, BatchS(4)).value, 4U);
  EXPECT_EQ(NextOf(*at_head).offset, 4U);
  EXPECT_EQ(NextOf(*replayed).offset, 4U);
}

TEST_F(RetentionTest, OffsetsGoOnBehindARestartAndANewTopicOfTheNameBeginsAnew) {
  const Topic topic = RegisterWith({.max_age = seconds(60)});
  PublishMany(topic, 4);
  clock_->Advance(seconds(61));
  Trim();
  Reopen();
  EXPECT_EQ(Publish(topic, BatchS(4)).value, 4U);
  EXPECT_THAT(Offsets(Drain(*Subscribe(topic, From::Offset(4), "", Scope::Global(), false))), ElementsAre(4));
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
  const Topic again = RegisterWith({});
  EXPECT_NE(again.id, topic.id);
  EXPECT_EQ(Publish(again, BatchS(0)).value, 0U);
  Trim();
  EXPECT_THAT(Offsets(Replay(again)), ElementsAre(0)) << "what was dropped takes nothing of it";
  EXPECT_EQ(streams_->trimmer().stats().purged_topics, 1U);
}

TEST_F(RetentionTest, TheConfigurationsLimitsAreOfTopicsWithoutTheirOwn) {
  options_.trimmer.defaults.max_events = 2;
  Reopen();
  const Topic topic = Register("t");
  const Topic own = RegisterWith({.max_events = 0});
  PublishMany(topic, 5);
  PublishMany(own, 5);
  Trim();
  EXPECT_EQ(StatsOf(topic).events, 2U);
  EXPECT_EQ(StatsOf(topic).retention.max_events, 2);
  EXPECT_EQ(StatsOf(own).events, 5U);
}

// Nobody asks for a round: it comes by itself, at once where limits are set or topics dropped.
TEST_F(RetentionTest, LimitsAndDropsWorkByThemselves) {
  const Topic topic = Register("t");
  const Topic dropped = Register("dropped");
  PublishMany(topic, 5);
  PublishMany(dropped, 5);
  JAMMI_OK(streams_->SetRetention(Scope::Global(), topic.id, {.max_events = 2}));
  JAMMI_OK(streams_->DropTopic(Scope::Global(), dropped.id));
  const Deadline deadline = Soon();
  while (StatsOf(topic).events != 2 || streams_->trimmer().stats().purged_topics != 1) {
    ASSERT_FALSE(deadline.Passed());
    std::this_thread::yield();
  }
}

TEST_F(RetentionTest, TimeIsTheDatabases) {
  options_.trimmer.interval = std::chrono::milliseconds(1);
  Reopen();
  const Topic topic = RegisterWith({.max_age = seconds(60)});
  PublishMany(topic, 3);
  AwaitRounds(streams_->trimmer().stats().rounds + 3);
  EXPECT_EQ(StatsOf(topic).events, 3U);
  clock_->Advance(seconds(61));
  const Deadline deadline = Soon();
  while (StatsOf(topic).events != 0) {
    ASSERT_FALSE(deadline.Passed());
    std::this_thread::yield();
  }
}

TEST_F(RetentionTest, ATopicThatIsDamagedKeepsNoOtherWaiting) {
  const Topic damaged = Register("damaged");
  const Topic whole = RegisterWith({.max_events = 1});
  PublishMany(damaged, 5);
  PublishMany(whole, 5);
  const auto damage = [](Transaction& tx) -> Result<void> {
    JAMMI_TRY(tx.Execute("UPDATE topics SET max_events = 1"));
    JAMMI_TRY(
        tx.Execute("CREATE TRIGGER stop BEFORE UPDATE ON topic_heads WHEN NEW.topic_no = 1 "
                   "BEGIN SELECT RAISE(ABORT, 'damaged'); END"));
    return {};
  };
  JAMMI_OK(catalog_->backend().RunTransaction({}, damage));
  EXPECT_FALSE(streams_->trimmer().RunRound());
  EXPECT_EQ(StatsOf(damaged).events, 5U) << "all of a step or nothing";
  EXPECT_EQ(StatsOf(whole).events, 1U);
  EXPECT_EQ(streams_->trimmer().stats().failed_rounds, 1U);
}

TEST_F(RetentionTest, AClosedEngineTrimsNoMore) {
  const Topic topic = RegisterWith({.max_events = 1});
  PublishMany(topic, 5);
  streams_->Shutdown();
  EXPECT_EQ(streams_->trimmer().RunRound().error().code(), ErrorCode::kUnavailable);
  Reopen();
  Trim();
  EXPECT_EQ(StatsOf(topic).events, 1U);
}

// Each reader sees offsets without a gap up to the end, or is told the mark and goes on from there.
TEST_F(RetentionTest, TrimmingBesideEightPublishersAndReaders) {
  constexpr int kPublishers = 8;
  constexpr int kEach = 150;
  constexpr uint64_t kAll = kPublishers * kEach;
  options_.ring_bytes = 4096;  // most reads are of the log
  options_.page.events = 16;
  options_.trimmer.interval = std::chrono::milliseconds(1);
  Reopen();
  const Topic topic = RegisterWith({.max_events = 50});
  std::atomic<uint64_t> evictions = 0;
  std::vector<std::jthread> threads;
  for (int reader = 0; reader < 3; ++reader) {
    threads.emplace_back([&] {
      auto subscription = Subscribe(topic, From::Offset(0));
      for (uint64_t next = 0; next < kAll && !HasFailure();) {
        const auto delivery = subscription->Next(Soon());
        if (delivery) {
          ASSERT_TRUE(*delivery);
          ASSERT_EQ((*delivery)->offset, next);
          ++next;
          continue;
        }
        const uint64_t mark = MarkOf(delivery.error());
        ASSERT_GT(mark, next);
        ASSERT_LE(mark, StatsOf(topic).low_water);
        ++evictions;
        for (next = mark;;) {
          auto again = streams_->Subscribe(Scope::Global(), topic.id, From::Offset(next));
          if (again) {
            subscription = std::move(*again);
            break;
          }
          next = MarkOf(again.error());  // it was trimmed again meanwhile
        }
      }
    });
  }
  for (int publisher = 0; publisher < kPublishers; ++publisher) {
    threads.emplace_back([&] { PublishMany(topic, kEach); });
  }
  threads.clear();
  Trim();
  EXPECT_EQ(StatsOf(topic).low_water, kAll - 50);
  EXPECT_EQ(streams_->trimmer().stats().failed_rounds, 0U);
}

}  // namespace
}  // namespace jammi
