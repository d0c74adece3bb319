// Feeds and cursors over a log in memory: where events come from, in which order, and who is woken.
#include "trigger/cursor.h"

#include <atomic>
#include <random>
#include <thread>

#include "base/log.h"
#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Room for about ten one-row events.
constexpr FeedLimits kSmallRing{.ring_bytes = 16 << 10, .page = {.events = 7, .bytes = 1 << 20}};

class CursorTest : public FeedsTest {
 protected:
  Result<Subscription::Polled> Poll(Subscription& subscription) { return subscription.TryNext(); }

  // Polls until there is something else than NotReady, waiting on OnReady between polls.
  Result<Subscription::Polled> PollReady(Subscription& subscription) {
    for (;;) {
      auto polled = subscription.TryNext();
      if (!polled || !std::holds_alternative<Subscription::NotReady>(*polled)) return polled;
      Event ready;
      subscription.OnReady([&] { ready.Set(); });
      if (!ready.Wait()) return Error(ErrorCode::kInternal, "never ready");
    }
  }

  static bool IsNotReady(const Result<Subscription::Polled>& polled) {
    return polled && std::holds_alternative<Subscription::NotReady>(*polled);
  }
  static bool IsEnd(const Result<Subscription::Polled>& polled) {
    return polled && std::holds_alternative<Subscription::End>(*polled);
  }
};

// --- Where a subscription starts ----------------------------------------------------------------------

TEST_F(CursorTest, Trg079NewestStartsBehindTheHead) {
  PublishMany(3);
  const auto subscription = Attach(From::Newest());
  EXPECT_EQ(subscription->position(), 3U);
  ExpectNothing(*subscription);
  PublishMany(1);
  EXPECT_EQ(NextOf(*subscription).offset, 3U);
}

TEST_F(CursorTest, Trg080OffsetReplaysThenFollows) {
  PublishMany(5);
  const auto subscription = Attach(From::Offset(2));
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(2, 5));
  PublishMany(2);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(5, 7));
  ExpectNothing(*subscription);
}

TEST_F(CursorTest, OffsetBeyondTheHeadWaitsForIt) {
  const auto subscription = Attach(From::Offset(3));
  PublishMany(3);
  ExpectNothing(*subscription);
  PublishMany(2);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(3, 5));
}

TEST_F(CursorTest, Trg090HugeOffsetsAreInTheFuture) {
  PublishMany(2);
  const auto subscription = Attach(From::Offset(UINT64_MAX - 1));
  ExpectNothing(*subscription);
  EXPECT_EQ(subscription->lag(), 0U);
  EXPECT_THAT(Drain(*Attach(From::Offset(UINT64_MAX - 1), "", /*follow=*/false)), IsEmpty());
}

TEST_F(CursorTest, TimeStartsAtTheFirstEventCommittedThen) {
  for (const UnixMicros now : {10, 20, 20, 30}) {
    log_.set_now(now);
    PublishMany(1);
  }
  EXPECT_THAT(Offsets(Drain(*Attach(From::Time(20), "", false))), ElementsAre(1, 2, 3));
  EXPECT_THAT(Offsets(Drain(*Attach(From::Time(21), "", false))), ElementsAre(3));
  EXPECT_THAT(Drain(*Attach(From::Time(31), "", false)), IsEmpty());
  EXPECT_EQ(Attach(From::Time(31))->position(), 4U);
}

TEST_F(CursorTest, Trg089FiniteReplayEndsAtTheHeadOfTheCall) {
  PublishMany(4);
  const auto subscription = Attach(From::Offset(1), "", /*follow=*/false);
  PublishMany(4);
  EXPECT_EQ(Offsets(Drain(*subscription)), Range(1, 4));
  EXPECT_EQ(subscription->position(), 4U);
  const auto again = subscription->Next(Deadline::Now());
  JAMMI_OK(again);
  EXPECT_FALSE(*again) << "it stays ended";
  EXPECT_THAT(Drain(*Attach(From::Newest(), "", false)), IsEmpty());
}

TEST_F(CursorTest, UnknownTopicsAreNotFound) {
  const TopicEntry other = MakeTopic(8);
  const auto refused = feeds_->Attach(other, Scope::Global(), From::Offset(0), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(refused.error().As<TopicNotFoundDetail>(), nullptr);
  EXPECT_EQ(feeds_->size(), 0U) << "nothing stays behind";
}

// --- Where events come from ---------------------------------------------------------------------------

TEST_F(CursorTest, LiveEventsComeFromTheRingAlone) {
  const auto subscription = Attach(From::Newest());
  for (int64_t i = 0; i < 200; ++i) {
    Publish(BatchS(i));
    const auto delivery = NextOf(*subscription);
    ASSERT_EQ(delivery.offset, static_cast<uint64_t>(i));
    ASSERT_THAT(Ids(*delivery.batch), ElementsAre(i));
  }
  EXPECT_EQ(log_.reads(), 0);
}

TEST_F(CursorTest, SubscribersOfAnEventShareItsBatch) {
  const auto one = Attach(From::Newest());
  const auto two = Attach(From::Newest());
  PublishMany(1);
  EXPECT_EQ(NextOf(*one).batch.get(), NextOf(*two).batch.get());
}

TEST_F(CursorTest, W04ALaggardReadsTheLogAndComesBackToTheRing) {
  Start(kSmallRing);
  const auto slow = Attach(From::Newest());
  const auto fast = Attach(From::Newest());
  for (int64_t i = 0; i < 300; ++i) {
    Publish(BatchS(i));
    ASSERT_EQ(NextOf(*fast).offset, static_cast<uint64_t>(i));
  }
  EXPECT_EQ(slow->lag(), 300U);
  EXPECT_EQ(NextOffsets(*slow, 300), Range(0, 300));
  const int reads = log_.reads();
  EXPECT_GE(reads, 300 / 7 - 10);
  PublishMany(1);
  EXPECT_EQ(NextOf(*slow).offset, 300U);
  EXPECT_EQ(log_.reads(), reads) << "caught up: from the ring again";
}

TEST_F(CursorTest, W07ReconnectingReadsWhatWasMissedAndNoMore) {
  PublishMany(100);
  const auto caught_up = Attach(From::Offset(100));
  ExpectNothing(*caught_up);
  EXPECT_EQ(log_.reads(), 0);
}

TEST_F(CursorTest, W03EventsThatTheListenerMissedComeFromTheLog) {
  const auto subscription = Attach(From::Newest());
  PublishMany(2);
  log_.set_silent(true);
  PublishMany(3);
  log_.set_silent(false);
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(0, 2));
  ExpectNothing(*subscription);
  PublishMany(1);  // the ring starts anew behind the gap
  EXPECT_EQ(NextOffsets(*subscription, 4), Range(2, 6));
  EXPECT_EQ(log_.reads(), 1);
}

TEST_F(CursorTest, ThePollFindsWhatNobodyAnnounced) {
  Start({}, std::chrono::milliseconds(1));
  const auto subscription = Attach(From::Newest());
  log_.set_silent(true);
  PublishMany(3);
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(0, 3));
}

TEST_F(CursorTest, ThePollFindsATopicThatAnotherProcessDropped) {
  Start({}, std::chrono::milliseconds(1));
  const auto subscription = Attach(From::Newest());
  log_.Drop(topic_.topic_no);
  EXPECT_THAT(Drain(*subscription), IsEmpty());
}

TEST_F(CursorTest, AFeedThatStartsLateServesWhatItHasSeen) {
  PublishMany(50);
  const auto live = Attach(From::Newest());
  PublishMany(3);
  const auto old = Attach(From::Offset(48));
  EXPECT_EQ(NextOffsets(*old, 5), Range(48, 53));
  EXPECT_EQ(NextOffsets(*live, 3), Range(50, 53));
}

TEST_F(CursorTest, AnEventLargerThanTheRingIsDelivered) {
  Start({.ring_bytes = 1000, .page = {.events = 7, .bytes = 100}});
  const auto subscription = Attach(From::Newest());
  Publish(BatchS(0, "X", 5000));
  EXPECT_EQ(NextOf(*subscription).batch->num_rows(), 5000);
  EXPECT_EQ(log_.reads(), 0);
  Publish(BatchS(1, "X", 5000));
  Publish(BatchS(2, "X", 5000));
  EXPECT_EQ(NextOffsets(*subscription, 2), Range(1, 3));
}

TEST_F(CursorTest, ATopicWithoutSubscriptionsHasNoFeed) {
  auto one = Attach(From::Newest());
  auto two = Attach(From::Newest());
  EXPECT_EQ(feeds_->size(), 1U);
  one.reset();
  EXPECT_EQ(feeds_->size(), 1U);
  two.reset();
  EXPECT_EQ(feeds_->size(), 0U);
}

// --- What the log may do ------------------------------------------------------------------------------

TEST_F(CursorTest, W04EvictedAtAttachNamesTheLowWater) {
  PublishMany(10);
  log_.Trim(topic_.topic_no, 6);
  const auto refused = feeds_->Attach(topic_, Scope::Global(), From::Offset(5), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<OffsetEvictedDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<OffsetEvictedDetail>()->low_water, 6U);
  EXPECT_EQ(Offsets(Drain(*Attach(From::Offset(6), "", false))), Range(6, 10));
}

TEST_F(CursorTest, W04AnAttachedLaggardBelowTheLowWaterIsToldSo) {
  PublishMany(20);
  Start(kSmallRing);
  const auto subscription = Attach(From::Offset(0));
  EXPECT_EQ(NextOffsets(*subscription, 7), Range(0, 7));
  log_.Trim(topic_.topic_no, 9);
  for (int round = 0; round < 2; ++round) {
    const auto next = subscription->Next(Soon());
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), ErrorCode::kFailedPrecondition);
    ASSERT_NE(next.error().As<OffsetEvictedDetail>(), nullptr);
    EXPECT_EQ(next.error().As<OffsetEvictedDetail>()->low_water, 9U);
  }
  EXPECT_EQ(subscription->position(), 7U);
}

TEST_F(CursorTest, ADamagedEventEndsTheStreamByOffset) {
  PublishMany(5);
  log_.Edit(topic_.topic_no, 3, [](LogEvent& event) {
    std::string bytes = event.payload->ToString();
    bytes[bytes.size() / 2] ^= 1;
    event.payload = arrow::Buffer::FromString(std::move(bytes));
  });
  const auto subscription = Attach(From::Offset(0));
  EXPECT_EQ(NextOffsets(*subscription, 3), Range(0, 3));
  const auto next = subscription->Next(Soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), ErrorCode::kDataLoss);
  EXPECT_THAT(next.error().message(), HasSubstr("offset 3"));
  EXPECT_EQ(subscription->position(), 3U);
}

// The checksum fits: these bytes were written so, by whatever it was.
TEST_F(CursorTest, AnEventThatIsNoBatchEndsTheStreamByOffset) {
  PublishMany(3);
  log_.Edit(topic_.topic_no, 1, [](LogEvent& event) {
    event.payload = arrow::Buffer::FromString("no Arrow message at all");
    event.checksum = Checksum({event.payload->data(), static_cast<size_t>(event.payload->size())});
  });
  const auto subscription = Attach(From::Offset(0));
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  const auto next = subscription->Next(Soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), ErrorCode::kDataLoss);
  EXPECT_THAT(next.error().message(), HasSubstr("event 1"));
  EXPECT_EQ(subscription->position(), 1U);
}

TEST_F(CursorTest, AnUnreadableLogEndsTheStreamWithItsError) {
  PublishMany(5);
  log_.set_before_read([]() -> Result<void> { return Error(ErrorCode::kUnavailable, "disk on fire"); });
  const auto subscription = Attach(From::Offset(0));
  const auto next = subscription->Next(Soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(next.error().message(), HasSubstr("disk on fire"));
  EXPECT_EQ(subscription->position(), 0U);
}

// --- Tenants and predicates ---------------------------------------------------------------------------

TEST_F(CursorTest, Trg083TenantsSeeTheirOwnAndUnscopedEvents) {
  const Scope a = Scope::ForTenant(Tenant(1));
  const Scope b = Scope::ForTenant(Tenant(2));
  const auto live_a = Attach(From::Newest(), "", true, a);
  const auto live_global = Attach(From::Newest());
  Publish(BatchS(1), a);
  Publish(BatchS(2), b);
  Publish(BatchS(3));
  EXPECT_EQ(NextOffsets(*live_a, 2), (std::vector<uint64_t>{0, 2}));
  ExpectNothing(*live_a);
  EXPECT_EQ(live_a->position(), 3U);
  EXPECT_EQ(NextOf(*live_global).offset, 2U);
  const auto replayed = Drain(*Attach(From::Offset(0), "", false, b));
  EXPECT_THAT(FirstIds(replayed), ElementsAre(2, 3));
  EXPECT_EQ(replayed[0].tenant, Tenant(2));
  EXPECT_EQ(replayed[1].tenant, std::nullopt);
}

TEST_F(CursorTest, Trg082PartlyMatchingEventsDeliverTheirMatchingRows) {
  const auto live = Attach(From::Newest(), "id >= 13");
  Publish(BatchS(10, "X", 5));
  Publish(BatchS(0, "X", 5));
  Publish(BatchS(20, "X", 2));
  const auto replay = Attach(From::Offset(0), "id >= 13");
  for (Subscription* subscription : {live.get(), replay.get()}) {
    EXPECT_THAT(Ids(*NextOf(*subscription).batch), ElementsAre(13, 14));
    const auto whole = NextOf(*subscription);
    EXPECT_EQ(whole.offset, 2U);
    EXPECT_THAT(Ids(*whole.batch), ElementsAre(20, 21));
  }
}

TEST_F(CursorTest, W27EqualPredicatesAreEvaluatedOnce) {
  const auto one = Attach(From::Newest(), "id >= 12");
  const auto two = Attach(From::Newest(), "  id >= 12 ");
  const auto other = Attach(From::Newest(), "id >= 13");
  Publish(BatchS(10, "X", 5));
  const auto first = NextOf(*one).batch;
  EXPECT_EQ(first.get(), NextOf(*two).batch.get()) << "the same rows, not equal ones";
  EXPECT_NE(first.get(), NextOf(*other).batch.get());
}

TEST_F(CursorTest, PredicateErrorEndsTheStreamNamingTheOffset) {
  Publish(BatchS(0, "7"));
  Publish(BatchS(1, "seven"));
  const auto subscription = Attach(From::Offset(0), "CAST(kind AS BIGINT) = 7");
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  for (int round = 0; round < 2; ++round) {
    const auto next = subscription->Next(Soon());
    ASSERT_FALSE(next);
    EXPECT_NE(next.error().As<PredicateEvalDetail>(), nullptr);
    EXPECT_THAT(next.error().message(), HasSubstr("event 1"));
  }
  EXPECT_EQ(subscription->position(), 1U);
}

TEST_F(CursorTest, W18AForeignRowCannotFailMyPredicate) {
  const Scope a = Scope::ForTenant(Tenant(1));
  const Scope b = Scope::ForTenant(Tenant(2));
  const auto live = Attach(From::Newest(), "CAST(kind AS BIGINT) = 7", true, a);
  Publish(BatchS(0, "not a number"), b);
  Publish(BatchS(1, "7"), a);
  EXPECT_EQ(NextOf(*live).offset, 1U);
  EXPECT_THAT(Offsets(Drain(*Attach(From::Offset(0), "CAST(kind AS BIGINT) = 7", false, a))), ElementsAre(1));
}

TEST_F(CursorTest, Trg044AnEventWithoutRowsIsDeliveredToMatchAll) {
  const auto all = Attach(From::Newest());
  const auto some = Attach(From::Newest(), "id >= 0");
  Publish(BatchS(0, "X", 0));
  PublishMany(1);
  const auto empty = NextOf(*all);
  EXPECT_EQ(empty.offset, 0U);
  EXPECT_EQ(empty.batch->num_rows(), 0);
  EXPECT_EQ(NextOf(*some).offset, 1U);
  EXPECT_EQ(Offsets(Drain(*Attach(From::Offset(0), "", false))), Range(0, 2));
  EXPECT_EQ(Offsets(Drain(*Attach(From::Offset(0), "id >= 0", false))), Range(1, 2));
}

// --- Next, TryNext, OnReady, Close --------------------------------------------------------------------

TEST_F(CursorTest, TryNextAtTheHeadIsNotReady) {
  const auto subscription = Attach(From::Newest());
  EXPECT_TRUE(IsNotReady(Poll(*subscription)));
  PublishMany(1);
  const auto polled = Poll(*subscription);
  JAMMI_OK(polled);
  EXPECT_EQ(std::get<Delivery>(*polled).offset, 0U);
}

TEST_F(CursorTest, TryNextDoesNoReading) {
  PublishMany(3);
  std::atomic<bool> same_thread = false;
  log_.set_before_read([&, caller = std::this_thread::get_id()]() -> Result<void> {
    same_thread = std::this_thread::get_id() == caller;
    return {};
  });
  const auto subscription = Attach(From::Offset(0));
  EXPECT_TRUE(IsNotReady(Poll(*subscription)));
  const auto polled = PollReady(*subscription);
  JAMMI_OK(polled);
  EXPECT_EQ(std::get<Delivery>(*polled).offset, 0U);
  EXPECT_FALSE(same_thread);
  EXPECT_EQ(log_.reads(), 1);
}

TEST_F(CursorTest, OnReadyFiresForAnEventOnce) {
  const auto subscription = Attach(From::Newest());
  std::atomic<int> fired = 0;
  Event ready;
  subscription->OnReady([&] {
    ++fired;
    ready.Set();
  });
  EXPECT_EQ(fired, 0);
  PublishMany(1);
  ASSERT_TRUE(ready.Wait());
  PublishMany(5);
  subscription->Close();
  EXPECT_EQ(fired, 1);
}

TEST_F(CursorTest, OnReadyFiresAtOnceWhenThereIsSomething) {
  PublishMany(1);
  const auto below = Attach(From::Offset(0));
  Event ready;
  below->OnReady([&] { ready.Set(); });
  EXPECT_TRUE(ready.Wait());
  const auto ended = Attach(From::Newest(), "", /*follow=*/false);
  Event end;
  ended->OnReady([&] { end.Set(); });
  EXPECT_TRUE(end.Wait());
}

TEST_F(CursorTest, OnReadyRunsNeitherOnThePublisherNorOnTheCaller) {
  const auto subscription = Attach(From::Newest());
  std::thread::id ran_on;
  Event ready;
  subscription->OnReady([&] {
    ran_on = std::this_thread::get_id();
    ready.Set();
  });
  PublishMany(1);
  ASSERT_TRUE(ready.Wait());
  EXPECT_NE(ran_on, std::this_thread::get_id());
}

TEST_F(CursorTest, ASecondOnReadyReplacesTheFirst) {
  const auto subscription = Attach(From::Newest());
  std::atomic<bool> first = false;
  Event second;
  subscription->OnReady([&] { first = true; });
  subscription->OnReady([&] { second.Set(); });
  PublishMany(1);
  ASSERT_TRUE(second.Wait());
  EXPECT_FALSE(first);
}

// A reader driven by its callback alone, as a server does it.
TEST_F(CursorTest, OnReadyMayPollAndArmItselfAgain) {
  const auto subscription = Attach(From::Offset(0));
  std::vector<uint64_t> seen;
  Event done;
  std::function<void()> pump = [&] {
    for (;;) {
      auto polled = subscription->TryNext();
      ASSERT_TRUE(polled);
      if (std::holds_alternative<Subscription::NotReady>(*polled)) break;
      seen.push_back(std::get<Delivery>(*polled).offset);
      if (seen.size() == 500) return done.Set();
    }
    subscription->OnReady([&] { pump(); });
  };
  subscription->OnReady([&] { pump(); });
  PublishMany(500);
  ASSERT_TRUE(done.Wait());
  subscription->Close();
  EXPECT_EQ(seen, Range(0, 500));
}

TEST_F(CursorTest, OnReadyFiresWhenThePageHasCome) {
  PublishMany(3);
  Event reading;
  Event go_on;
  log_.set_before_read([&]() -> Result<void> {
    reading.Set();
    EXPECT_TRUE(go_on.Wait());
    return {};
  });
  const auto subscription = Attach(From::Offset(0));
  EXPECT_TRUE(IsNotReady(Poll(*subscription)));
  Event ready;
  subscription->OnReady([&] { ready.Set(); });
  ASSERT_TRUE(reading.Wait());
  EXPECT_TRUE(IsNotReady(Poll(*subscription)));
  EXPECT_FALSE(ready.IsSet());
  go_on.Set();
  EXPECT_TRUE(ready.Wait());
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
}

TEST_F(CursorTest, CloseWaitsForTheCallbackThatRuns) {
  const auto subscription = Attach(From::Newest());
  Event running;
  Event go_on;
  std::atomic<bool> finished = false;
  subscription->OnReady([&] {
    running.Set();
    EXPECT_TRUE(go_on.Wait());
    finished = true;
  });
  PublishMany(1);
  ASSERT_TRUE(running.Wait());
  std::thread closer([&] {
    subscription->Close();
    EXPECT_TRUE(finished);
  });
  go_on.Set();
  closer.join();
}

TEST_F(CursorTest, CloseFromInsideTheCallbackIsItsLast) {
  const auto subscription = Attach(From::Newest());
  Event closed;
  std::atomic<int> fired = 0;
  subscription->OnReady([&] {
    ++fired;
    subscription->Close();
    subscription->OnReady([&] { ++fired; });
    closed.Set();
  });
  PublishMany(2);
  ASSERT_TRUE(closed.Wait());
  subscription->Close();
  EXPECT_EQ(fired, 1);
}

TEST_F(CursorTest, ACallbackMayDestroyItsSubscription) {
  auto subscription = Attach(From::Newest());
  auto* raw = subscription.get();
  Event destroyed;
  // NOLINTNEXTLINE: the callback owns what it waits on
  raw->OnReady([owned = std::move(subscription), &destroyed]() mutable {
    owned.reset();
    destroyed.Set();
  });
  PublishMany(1);
  ASSERT_TRUE(destroyed.Wait());
}

TEST_F(CursorTest, ACallbackThatOwnsItsSubscriptionMayBeDropped) {
  auto owner = std::make_shared<std::unique_ptr<Subscription>>(Attach(From::Newest()));
  Subscription& subscription = **owner;
  subscription.OnReady([owner] {});
  owner.reset();
  subscription.Close();  // drops the callback, and with it the subscription
  EXPECT_EQ(feeds_->size(), 0U);
}

TEST_F(CursorTest, ACallbackThatThrowsHarmsNobody) {
  SetLog(LogLevel::kOff, LogFormat::kText);
  const auto subscription = Attach(From::Newest());
  subscription->OnReady([] { throw std::runtime_error("oops"); });
  PublishMany(1);
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  subscription->Close();  // the callback has ended
  SetLog(LogLevel::kWarning, LogFormat::kText);
}

TEST_F(CursorTest, AClosedSubscriptionSaysCancelled) {
  PublishMany(2);
  const auto subscription = Attach(From::Offset(0));
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  subscription->Close();
  subscription->Close();
  const auto next = subscription->Next(Soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(subscription->position(), 1U);
}

TEST_F(CursorTest, CloseEndsANextThatWaits) {
  const auto subscription = Attach(From::Newest());
  std::thread reader([&] {
    const auto next = subscription->Next(Soon());
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), ErrorCode::kCancelled);
  });
  subscription->Close();
  reader.join();
}

TEST_F(CursorTest, NextKeepsItsDeadline) {
  const auto subscription = Attach(From::Newest());
  for (const auto& deadline : {Deadline::Now(), Deadline::After(std::chrono::milliseconds(5))}) {
    const auto next = subscription->Next(deadline);
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().code(), ErrorCode::kDeadlineExceeded);
  }
  PublishMany(1);
  EXPECT_EQ(NextOf(*subscription).offset, 0U) << "it goes on after that";
}

// The event comes between the reader's look at the head and its parking.
TEST_F(CursorTest, NoWakeUpIsLostBetweenLookingAndParking) {
  const auto subscription = Attach(From::Newest());
  std::atomic<bool> published = false;
  SetSyncPoint("TopicFeed::Park", [&] {
    if (!published.exchange(true)) PublishMany(1);
  });
  const auto next = subscription->Next(Soon());
  JAMMI_OK(next);
  EXPECT_EQ((*next)->offset, 0U);
  EXPECT_TRUE(published);
}

TEST_F(CursorTest, NoWakeUpIsLostBetweenLookingAndArming) {
  const auto subscription = Attach(From::Newest());
  std::atomic<bool> published = false;
  SetSyncPoint("TopicFeed::Park", [&] {
    if (!published.exchange(true)) PublishMany(1);
  });
  Event ready;
  subscription->OnReady([&] { ready.Set(); });
  EXPECT_TRUE(ready.Wait());
}

// --- The end ------------------------------------------------------------------------------------------

TEST_F(CursorTest, Trg029ADroppedTopicEndsAfterWhatIsBuffered) {
  const auto subscription = Attach(From::Newest());
  PublishMany(5);
  EXPECT_EQ(NextOf(*subscription).offset, 0U);
  log_.Drop(topic_.topic_no);
  feeds_->OnDropped(topic_.topic_no);
  EXPECT_EQ(Offsets(Drain(*subscription)), Range(1, 5));
}

TEST_F(CursorTest, Trg029ADropEndsThoseWhoWait) {
  const auto waiting = Attach(From::Newest());
  const auto armed = Attach(From::Newest());
  Event ready;
  armed->OnReady([&] { ready.Set(); });
  std::thread reader([&] { EXPECT_THAT(Drain(*waiting), IsEmpty()); });
  feeds_->OnDropped(topic_.topic_no);
  reader.join();
  ASSERT_TRUE(ready.Wait());
  EXPECT_TRUE(IsEnd(Poll(*armed)));
}

TEST_F(CursorTest, Trg029ALaggardOfADroppedTopicEnds) {
  Start(kSmallRing);
  const auto slow = Attach(From::Newest());
  PublishMany(100);
  log_.Drop(topic_.topic_no);
  // Its page load finds no topic any more: that is an end as well, whoever dropped it.
  EXPECT_THAT(Drain(*slow), IsEmpty());
}

TEST_F(CursorTest, ShutdownEndsEverySubscription) {
  PublishMany(3);
  const auto waiting = Attach(From::Newest());
  const auto behind = Attach(From::Offset(0));
  const auto armed = Attach(From::Newest());
  std::atomic<bool> fired = false;
  armed->OnReady([&] { fired = true; });
  std::thread reader([&] { EXPECT_THAT(Drain(*waiting), IsEmpty()); });
  feeds_->Shutdown();
  EXPECT_TRUE(fired) << "callbacks run before Shutdown returns";
  reader.join();
  EXPECT_TRUE(IsEnd(Poll(*armed)));
  EXPECT_TRUE(IsEnd(Poll(*behind)));
  Event late;
  armed->OnReady([&] { late.Set(); });
  EXPECT_TRUE(late.IsSet()) << "afterwards they run on the caller's thread";
}

TEST_F(CursorTest, ShutdownWithAPageUnderWay) {
  PublishMany(3);
  Event reading;
  Event go_on;
  log_.set_before_read([&]() -> Result<void> {
    reading.Set();
    EXPECT_TRUE(go_on.Wait());
    return {};
  });
  const auto subscription = Attach(From::Offset(0));
  EXPECT_TRUE(IsNotReady(Poll(*subscription)));
  ASSERT_TRUE(reading.Wait());
  std::thread stopper([&] { feeds_->Shutdown(); });
  go_on.Set();
  stopper.join();
  // The page had been read: it is delivered or not, and then the stream ends.
  const auto rest = Offsets(Drain(*subscription));
  EXPECT_TRUE(rest.empty() || rest == Range(0, 3));
}

TEST_F(CursorTest, ASubscriptionOutlivesItsFeeds) {
  const auto subscription = Attach(From::Newest());
  PublishMany(1);
  log_.SetListener(nullptr);
  feeds_.reset();
  EXPECT_THAT(Drain(*subscription), IsEmpty());
  subscription->Close();
}

// --- Many, at once ------------------------------------------------------------------------------------

TEST_F(CursorTest, TenThousandIdleSubscriptions) {
  std::vector<std::unique_ptr<Subscription>> idle;
  std::atomic<int> fired = 0;
  Event all;
  for (int i = 0; i < 10'000; ++i) {
    idle.push_back(Attach(From::Newest()));
    idle.back()->OnReady([&] {
      if (++fired == 10'000) all.Set();
    });
  }
  EXPECT_LT(sizeof(Cursor), 2048U);
  PublishMany(1);
  EXPECT_TRUE(all.Wait());
}

// Everything that may interleave does: several publishers, readers from 0 and live, through Next and
// through OnReady, closing and coming back, on a ring of ten events.
TEST_F(CursorTest, Trg085DeliveriesEqualTheLogWhateverInterleaves) {
  const uint64_t seed = std::random_device()();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  constexpr int kPublishers = 3;
  constexpr int kPerPublisher = 400;
  constexpr uint64_t kTotal = kPublishers * kPerPublisher;
  Start(kSmallRing);

  std::vector<std::thread> threads;
  for (int p = 0; p < kPublishers; ++p) {
    threads.emplace_back([&, p] {
      std::mt19937_64 random(seed + static_cast<uint64_t>(p));
      for (int i = 0; i < kPerPublisher; ++i) {
        Publish(BatchS(i));
        if (random() % 64 == 0) std::this_thread::yield();
      }
    });
  }
  for (int r = 0; r < 8; ++r) {
    threads.emplace_back([&, r] {
      std::mt19937_64 random(seed * 31 + static_cast<uint64_t>(r));
      auto subscription = Attach(r % 2 == 0 ? From::Offset(0) : From::Newest());
      uint64_t expected = subscription->position();
      while (expected < kTotal) {
        const auto polled = PollReady(*subscription);
        ASSERT_TRUE(polled) << polled.error().ToString();
        ASSERT_EQ(std::get<Delivery>(*polled).offset, expected++);
        if (random() % 100 == 0) subscription = Attach(From::Offset(expected));
        if (random() % 50 == 0 && expected < kTotal) {
          const auto next = subscription->Next(Soon());
          ASSERT_TRUE(next) << next.error().ToString();
          ASSERT_EQ((*next)->offset, expected++);
        }
      }
      ASSERT_EQ(subscription->position(), kTotal);
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(CursorTest, CloseRacesWithEverything) {
  std::atomic<bool> stop = false;
  std::thread publisher([&] {
    for (int64_t i = 0; !stop; ++i) Publish(BatchS(i));
  });
  for (int round = 0; round < 300; ++round) {
    auto subscription = Attach(round % 2 == 0 ? From::Newest() : From::Offset(0));
    const auto alive = std::make_shared<std::atomic<bool>>(true);
    std::function<void()> arm = [&, alive] {
      ASSERT_TRUE(*alive) << "a callback ran after Close";
      (void)subscription->TryNext();
      subscription->OnReady([&arm] { arm(); });
    };
    subscription->OnReady([&arm] { arm(); });
    subscription->Close();
    *alive = false;
  }
  stop = true;
  publisher.join();
}

}  // namespace
}  // namespace jammi
