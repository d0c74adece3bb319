// Reading a topic page by page, without a subscription.
#include "trigger/event_reader.h"

#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// On a log in memory, whose reads can be counted.
class EventReaderTest : public FeedsTest {
 protected:
  Result<EventPage> Read(uint64_t from, const ReadOptions& options = {},
                         const Scope& reader = Scope::Global()) {
    return ReadEvents(log_, limit_, topic_, reader, {.offset = from}, options);
  }
  EventPage Page(uint64_t from, const ReadOptions& options = {}, const Scope& reader = Scope::Global()) {
    auto page = Read(from, options, reader);
    EXPECT_TRUE(page) << page.error().ToString();
    return page ? *std::move(page) : EventPage{};
  }
  // All pages up to the head; the number of calls in `calls`.
  std::vector<uint64_t> ReadAll(const ReadOptions& options, const Scope& reader = Scope::Global(),
                                int* calls = nullptr) {
    std::vector<uint64_t> offsets;
    for (EventPage page; !page.at_head && !HasFailure();) {
      page = Page(page.next.offset, options, reader);
      for (const auto& delivery : page.deliveries) offsets.push_back(delivery.offset);
      if (calls != nullptr) ++*calls;
    }
    return offsets;
  }

  PageLimit limit_{.events = 8, .bytes = 1 << 20};
};

TEST_F(EventReaderTest, PagesFollowOneAnotherToTheHead) {
  PublishMany(25);
  for (const int64_t max_events : {1, 3, 8, 25, 1000}) {
    EXPECT_EQ(ReadAll({.max_events = max_events}), Range(0, 25)) << max_events;
  }
  const EventPage page = Page(0, {.max_events = 5});
  EXPECT_EQ(Offsets(page.deliveries), Range(0, 5));
  EXPECT_EQ(page.next.offset, 5U);
  EXPECT_EQ(page.head, 25U);
  EXPECT_FALSE(page.at_head);
  EXPECT_THAT(Ids(*page.deliveries[3].batch), ElementsAre(3));
}

TEST_F(EventReaderTest, WhoAsksTooLateOrIsStoppedGetsNothing) {
  PublishMany(3);
  EXPECT_EQ(Read(0, {.deadline = Deadline::Now()}).error().code(), ErrorCode::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Read(0, {.stop = stop.get_token()}).error().code(), ErrorCode::kCancelled);
}

TEST_F(EventReaderTest, AtAndBeyondTheHeadThereIsNothing) {
  PublishMany(3);
  for (const uint64_t from : {3U, 10U}) {
    const EventPage page = Page(from);
    EXPECT_THAT(page.deliveries, IsEmpty());
    EXPECT_TRUE(page.at_head);
    EXPECT_EQ(page.next.offset, from);
    EXPECT_EQ(page.head, 3U);
  }
  EXPECT_TRUE(Page(0, {.max_events = 3}).at_head) << "the last event is on it";
}

TEST_F(EventReaderTest, APageHasSoManyBytesOrOneEvent) {
  PublishMany(6);
  const int64_t size = log_.Events(topic_.topic_no)[0].payload->size();
  EXPECT_EQ(Offsets(Page(0, {.max_bytes = 2 * size}).deliveries), Range(0, 2));
  EXPECT_EQ(Offsets(Page(0, {.max_bytes = 1}).deliveries), Range(0, 1));
  EXPECT_EQ(Offsets(Page(0, {.predicate = "id > 1", .max_bytes = 2 * size}).deliveries), Range(2, 4));
  EXPECT_EQ(ReadAll({.max_bytes = 2 * size}), Range(0, 6));
}

// A predicate that selects nothing does not make a call endless.
TEST_F(EventReaderTest, ACallLooksAtAFewReadsAndReturns) {
  PublishMany(100);
  const int before = log_.reads();
  const EventPage page = Page(0, {.predicate = "id = 99"});
  EXPECT_EQ(log_.reads() - before, 4);
  EXPECT_THAT(page.deliveries, IsEmpty());
  EXPECT_FALSE(page.at_head);
  EXPECT_EQ(page.next.offset, 32U);
  int calls = 0;
  EXPECT_THAT(ReadAll({.predicate = "id = 99"}, Scope::Global(), &calls), ElementsAre(99));
  EXPECT_EQ(calls, 4);
}

TEST_F(EventReaderTest, Trg083TheTenantIsLookedAtBeforeThePredicate) {
  const Scope a = Scope::ForTenant(Tenant(1));
  const Scope b = Scope::ForTenant(Tenant(2));
  for (int i = 0; i < 30; ++i) Publish(BatchS(i), i % 3 == 0 ? a : i % 3 == 1 ? b : Scope::Global());
  log_.Edit(topic_.topic_no, 1, [](LogEvent& event) {  // b's: nobody else comes to harm by it
    event.payload = arrow::Buffer::FromString("no batch");
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
  });
  EXPECT_EQ(ReadAll({}, Scope::Global()), Range(2, 30, 3));
  std::vector<uint64_t> of_a;
  for (uint64_t i = 0; i < 30; ++i) {
    if (i % 3 != 1) of_a.push_back(i);
  }
  EXPECT_EQ(ReadAll({}, a), of_a);
  EXPECT_EQ(ReadAll({.predicate = "id >= 15", .max_events = 2}, a),
            (std::vector<uint64_t>{15, 17, 18, 20, 21, 23, 24, 26, 27, 29}));
  const EventPage page = Page(0, {.max_events = 1}, a);
  EXPECT_EQ(page.deliveries.at(0).tenant, Tenant(1));
}

TEST_F(EventReaderTest, ABadEventEndsThePageBeforeItAndIsTheNextOnesError) {
  PublishMany(10);
  log_.Edit(topic_.topic_no, 4, [](LogEvent& event) {
    event.payload = arrow::Buffer::FromString("no batch");
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
  });
  const EventPage page = Page(0);
  EXPECT_EQ(Offsets(page.deliveries), Range(0, 4));
  EXPECT_EQ(page.next.offset, 4U);
  EXPECT_FALSE(page.at_head);
  const auto bad = Read(4);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code(), ErrorCode::kDataLoss);
  EXPECT_THAT(bad.error().message(), HasSubstr("event 4"));
  EXPECT_EQ(Offsets(Page(5).deliveries), Range(5, 10));

  const auto failing = Read(5, {.predicate = "10 / (id - 7) > 0"});
  ASSERT_TRUE(failing) << failing.error().ToString();
  EXPECT_EQ(failing->next.offset, 7U);
}

TEST_F(EventReaderTest, BelowTheLowWaterItIsEvicted) {
  PublishMany(10);
  log_.Trim(topic_.topic_no, 6);
  const auto evicted = Read(5);
  ASSERT_FALSE(evicted);
  ASSERT_NE(evicted.error().As<OffsetEvictedDetail>(), nullptr);
  EXPECT_EQ(evicted.error().As<OffsetEvictedDetail>()->low_water, 6U);
  EXPECT_EQ(Page(6).low_water, 6U);
}

TEST_F(EventReaderTest, TheLogsErrorsAreTheCallers) {
  PublishMany(3);
  log_.set_before_read([]() -> Result<void> { return Error(ErrorCode::kUnavailable, "disk on fire"); });
  const auto refused = Read(0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  log_.Drop(topic_.topic_no);
  log_.set_before_read(nullptr);
  const auto dropped = Read(0);
  ASSERT_FALSE(dropped);
  EXPECT_NE(dropped.error().As<TopicNotFoundDetail>(), nullptr);
}

TEST_F(EventReaderTest, OptionsAreChecked) {
  PublishMany(1);
  for (const ReadOptions& options :
       {ReadOptions{.max_events = 0}, ReadOptions{.max_events = 10'001}, ReadOptions{.max_bytes = 0},
        ReadOptions{.predicate = "id >"}, ReadOptions{.predicate = "nothing = 1"}}) {
    const auto refused = Read(0, options);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  }
}

// On a catalog.
class ReadTopicTest : public StreamsTest {};

TEST_F(ReadTopicTest, StartsWhereASubscriptionWouldAndLeavesNothingBehind) {
  const Topic topic = Register("quakes");
  for (int i = 0; i < 4; ++i) {
    Publish(topic, BatchS(i));
    clock_->Advance(std::chrono::seconds(1));
  }
  const auto offsets = [&](From from) {
    const auto page = streams_->Read(a_, "quakes", from);
    EXPECT_TRUE(page) << page.error().ToString();
    return page ? Offsets(page->deliveries) : std::vector<uint64_t>();
  };
  EXPECT_EQ(offsets(From::Offset(1)), Range(1, 4));
  EXPECT_EQ(offsets(From::Time(clock_->Now() - 2'000'000)), Range(2, 4));
  EXPECT_EQ(offsets(From::Newest()), Range(0, 0));
  const auto page = streams_->Read(a_, topic.id, From::Offset(0), {.max_events = 3});
  ASSERT_TRUE(page) << page.error().ToString();
  EXPECT_EQ(offsets(From::Position(page->next)), Range(3, 4));
  EXPECT_EQ(streams_->feeds(), 0U);
}

TEST_F(ReadTopicTest, NobodyReadsATopicThatHeDoesNotSee) {
  const Topic topic = Register("mine", a_);
  Publish(topic, BatchS(1), a_);
  for (const Scope& scope : {b_, Scope::Global()}) {
    for (const auto& refused :
         {streams_->Read(scope, topic.id, From::Offset(0)), streams_->Read(scope, "mine", From::Offset(0))}) {
      ASSERT_FALSE(refused);
      EXPECT_NE(refused.error().As<TopicNotFoundDetail>(), nullptr);
    }
  }
  EXPECT_EQ(streams_->Read(a_, "mine", From::Offset(0))->deliveries.size(), 1U);
}

TEST_F(ReadTopicTest, AfterTheEndNothingIsRead) {
  const Topic topic = Register("quakes");
  streams_->Shutdown();
  const auto refused = streams_->Read(a_, topic.id, From::Offset(0));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace jammi
