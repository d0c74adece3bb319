// Topics, publishing and subscriptions on a real catalog: the reference's cases, and what an engine adds.
#include "trigger/streams.h"

#include <atomic>
#include <filesystem>
#include <future>
#include <random>
#include <stdexcept>
#include <thread>

#include "trigger/streams_case.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- Case 24 of the reference; the others, on every database: cases_test.cc
// -----------------------------------------------------------------------

// The published order is schema, then tenant; it told a stranger the columns of a tenant's topic.
TEST_F(StreamsCase, Trg031WhoMayNotPublishLearnsNothingOfTheSchema) {
  const Topic topic = Register("pinned", a_);
  const auto refused = streams_->Publish(b_, topic.id, *BatchS(1)->SelectColumns({0}), Soon());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().As<PublishTenantMismatchDetail>(), nullptr);
  EXPECT_EQ(refused.error().message().find("kind"), std::string::npos);
}

// A callback that threw left the gate shut behind it, and Shutdown() waited for ever.
TEST_F(StreamsCase, ACallbackThatThrowsHoldsNobodyUp) {
  const Topic topic = Register("t");
  streams_->PublishAsync(Scope::Global(), topic.id, BatchS(1), Soon(),
                         [](const Result<Offset>&) { throw std::runtime_error("a bug of the caller"); });
  streams_->Shutdown();
}

// The catalog may not be asked from a callback of its log: a topic that was not in the cache was refused.
TEST_F(StreamsCase, ACallbackMayPublishToATopicThatIsNotKnownYet) {
  const Topic first = Register("first");
  const Topic second = Register("second");
  ReopenWith(NewMemoryBroker());
  std::promise<Result<Offset>> published;
  streams_->PublishAsync(Scope::Global(), first.id, BatchS(1), Soon(), [&](const Result<Offset>&) {
    streams_->PublishAsync(Scope::Global(), second.id, BatchS(2), Soon(),
                           [&](Result<Offset> offset) { published.set_value(std::move(offset)); });
  });
  const auto offset = published.get_future().get();
  ASSERT_TRUE(offset) << offset.error().ToString();
  EXPECT_EQ(offset->value, 0U);
}

// The files as they are at the last moment before COMMIT are what a process that dies there leaves.
TEST_F(StreamsCase, Case24RegistrationAndDropAreWhole) {
  const Topic kept = Register("kept");
  clock_->Advance(std::chrono::seconds(1));
  for (const bool drop : {false, true}) {
    const auto left_behind = folder_ / fmt::format("left-behind-{}", drop);
    std::filesystem::create_directories(left_behind);
    std::atomic<bool> copied = false;  // later commits are of the purge behind a drop
    SetSyncPoint("catalog:before_commit", [&] {
      if (copied.exchange(true)) return;
      for (const char* file : {"catalog.db", "catalog.db-wal"}) {
        std::filesystem::copy_file(folder_ / file, left_behind / file,
                                   std::filesystem::copy_options::overwrite_existing);
      }
    });
    if (drop) {
      JAMMI_OK(streams_->DropTopic(Scope::Global(), kept.id));
    } else {
      JAMMI_OK(streams_->RegisterTopic(Scope::Global(), "new", SchemaS()));
    }
    ClearSyncPoints();
    SqliteOptions sqlite;
    sqlite.path = left_behind / "catalog.db";
    const auto catalog = OpenSqliteCatalog(sqlite);
    JAMMI_OK(catalog);
    const auto streams = Streams::Open(**catalog, StreamsOptions(), nullptr);
    JAMMI_OK(streams);
    const auto listed = (*streams)->ListTopics(Scope::Global(), 10);
    JAMMI_OK(listed);
    ASSERT_EQ(listed->topics.size(), drop ? 2U : 1U);
    EXPECT_EQ(listed->topics[0].id, kept.id);
    EXPECT_EQ((*streams)->Publish(Scope::Global(), kept.id, BatchS(0), Soon())->value, 0U);
  }
}

// --- Topics -------------------------------------------------------------------------------------------

TEST_F(StreamsCase, Trg011MetadataIsNotKept) {
  const auto schema = SchemaS()->WithMetadata(arrow::key_value_metadata({{"k", "v"}}));
  const auto topic = streams_->RegisterTopic(Scope::Global(), "t", schema);
  JAMMI_OK(topic);
  EXPECT_EQ(topic->schema->metadata(), nullptr);
  Reopen();
  EXPECT_EQ(streams_->FindTopic(Scope::Global(), topic->id)->schema->metadata(), nullptr);
}

TEST_F(StreamsCase, W05ATopicWorksAtOnceAfterARestart) {
  const Topic topic = Register("t");
  ReopenWith(NewMemoryBroker());
  const auto live = Subscribe(topic, From::Newest());
  Publish(topic, BatchS(0));
  EXPECT_EQ(NextOf(*live).offset, 0U);
}

TEST_F(StreamsCase, Trg029DroppingATopicEndsItsSubscriptions) {
  const Topic topic = Register("t");
  const auto behind = Subscribe(topic, From::Newest());
  const auto waiting = Subscribe(topic, From::Newest());
  PublishMany(topic, 0, 3);
  EXPECT_EQ(NextOffsets(*waiting, 3), Range(0, 3));
  std::thread reader([&] { EXPECT_THAT(Drain(*waiting), IsEmpty()); });
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
  reader.join();
  EXPECT_EQ(Offsets(Drain(*behind)), Range(0, 3));
}

TEST_F(StreamsCase, ADroppedTopicIsGoneForEverybody) {
  const Topic topic = Register("t");
  PublishMany(topic, 0, 3);
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
  ExpectNotFound(streams_->Publish(Scope::Global(), topic.id, BatchS(1), Soon()), topic.id.ToString());
  ExpectNotFound(streams_->Subscribe(Scope::Global(), topic.id, From::Offset(0)), topic.id.ToString());
  ExpectNotFound(streams_->Subscribe(Scope::Global(), "t", From::Offset(0)), "t");
  const Topic again = Register("t");
  EXPECT_NE(again.id, topic.id);
  EXPECT_THAT(Replay(again), IsEmpty());
  EXPECT_EQ(Publish(again, BatchS(0)).value, 0U);
}

TEST_F(StreamsCase, Trg024NobodyDropsWhatIsNotHis) {
  const Topic global = Register("global");
  const Topic mine = Register("mine", a_);
  ExpectNotFound(streams_->DropTopic(a_, global.id), global.id.ToString());
  ExpectNotFound(streams_->DropTopic(b_, mine.id), mine.id.ToString());
  ExpectNotFound(streams_->DropTopic(Scope::Global(), mine.id), mine.id.ToString());
  EXPECT_TRUE(streams_->FindTopic(a_, mine.id));
  EXPECT_EQ(Publish(global, BatchS(0)).value, 0U);
}

TEST_F(StreamsCase, Trg027ABrokerThatCannotDropIsLoggedOnly) {
  const auto broker = std::make_shared<FlakyBroker>([](uint64_t) { return false; });
  ReopenWith(broker);
  const Topic topic = Register("t");
  broker->FailDrops();
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
  ExpectNotFound(streams_->FindTopic(Scope::Global(), "t"), "t");
}

TEST_F(StreamsCase, ASubscriberOfAnotherTenantFindsNoTopic) {
  const Topic mine = Register("mine", a_);
  ExpectNotFound(streams_->Subscribe(b_, mine.id, From::Offset(0)), mine.id.ToString());
  ExpectNotFound(streams_->Subscribe(Scope::Global(), mine.id, From::Offset(0)), mine.id.ToString());
  ExpectNotFound(streams_->FindTopic(b_, mine.id), mine.id.ToString());
}

TEST_F(StreamsCase, W19TheOwnTopicShadowsTheGlobalOne) {
  const Topic global = Register("shared");
  const Topic own = Register("shared", a_);
  const auto subscription = streams_->Subscribe(a_, "shared", From::Newest());
  JAMMI_OK(subscription);
  Publish(global, BatchS(1), a_);
  Publish(own, BatchS(2), a_);
  EXPECT_THAT(Ids(*NextOf(**subscription).batch), ElementsAre(2));
}

// --- Publish ------------------------------------------------------------------------------------------

TEST_F(StreamsCase, Trg042TheOffsetSaysWhenItWasCommitted) {
  const Topic topic = Register("t");
  clock_->Advance(std::chrono::seconds(5));
  const auto live = Subscribe(topic, From::Newest());
  const Offset offset = Publish(topic, BatchS(1));
  EXPECT_EQ(offset.committed_at, clock_->Now());
  EXPECT_EQ(NextOf(*live).produced_at, offset.committed_at);
  EXPECT_EQ(Replay(topic).at(0).produced_at, offset.committed_at);
}

TEST_F(StreamsCase, Trg043OffsetsAreContiguousAcrossTenants) {
  const Topic topic = Register("t");
  EXPECT_EQ(Publish(topic, BatchS(1), a_).value, 0U);
  EXPECT_EQ(Publish(topic, BatchS(1), b_).value, 1U);
  EXPECT_EQ(Publish(topic, BatchS(1)).value, 2U);
}

TEST_F(StreamsCase, Trg044ABatchWithoutRowsIsAnEvent) {
  const Topic topic = Register("t");
  EXPECT_EQ(Publish(topic, BatchS(0, "X", 0)).value, 0U);
  const auto replayed = Replay(topic);
  ASSERT_EQ(replayed.size(), 1U);
  EXPECT_EQ(replayed[0].batch->num_rows(), 0);
}

TEST_F(StreamsCase, Trg045RowsAreNotLimitedByBinds) {
  const Topic topic = Register("t");
  EXPECT_EQ(Publish(topic, BatchS(0, "X", 100'000)).value, 0U);
  EXPECT_EQ(Replay(topic).at(0).batch->num_rows(), 100'000);
}

TEST_F(StreamsCase, ABatchAboveTheLimitIsRefused) {
  options_.max_batch_bytes = 4096;
  Reopen();
  const Topic topic = Register("t");
  const auto refused = streams_->Publish(Scope::Global(), topic.id, BatchS(0, "X", 1000), Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr("4096"));
  EXPECT_EQ(Publish(topic, BatchS(0)).value, 0U) << "no offset was used up";
}

TEST_F(StreamsCase, PublishRefusesWhatIsNoBatch) {
  const Topic topic = Register("t");
  const auto refused = streams_->Publish(Scope::Global(), topic.id, nullptr, Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  ExpectNotFound(streams_->Publish(Scope::Global(), TopicId(Uuid{}), BatchS(0), Soon()),
                 TopicId(Uuid{}).ToString());
}

TEST_F(StreamsCase, PublishAsyncAnswersOnceAndInOrder) {
  const Topic topic = Register("t");
  std::vector<uint64_t> offsets;
  Event all;
  for (int i = 0; i < 200; ++i) {
    streams_->PublishAsync(Scope::Global(), topic.id, BatchS(i), Soon(), [&](Result<Offset> offset) {
      offsets.push_back(offset ? offset->value : UINT64_MAX);
      if (offsets.size() == 200) all.Set();
    });
  }
  ASSERT_TRUE(all.Wait());
  EXPECT_EQ(offsets, Range(0, 200));
  const auto replayed = Replay(topic);
  for (const auto& event : replayed) ASSERT_THAT(Ids(*event.batch), ElementsAre(event.offset));
}

TEST_F(StreamsCase, PublishAsyncReportsErrorsFoundAtOnce) {
  const Topic topic = Register("t");
  int answers = 0;
  const auto count = [&](Result<Offset> offset) {
    EXPECT_FALSE(offset);
    ++answers;
  };
  streams_->PublishAsync(Scope::Global(), topic.id, nullptr, Soon(), count);
  streams_->PublishAsync(Scope::Global(), TopicId(Uuid{}), BatchS(0), Soon(), count);
  streams_->PublishAsync(Scope::Global(), topic.id, *BatchS(0)->SelectColumns({0}), Soon(), count);
  EXPECT_EQ(answers, 3);
}

TEST_F(StreamsCase, W01SeveralPublishersShareATopic) {
  const Topic topic = Register("t");
  std::vector<std::thread> publishers;
  for (int p = 0; p < 4; ++p) publishers.emplace_back([&] { PublishMany(topic, 0, 100); });
  for (auto& publisher : publishers) publisher.join();
  EXPECT_EQ(Offsets(Replay(topic)), Range(0, 400));
}

// --- The broker ---------------------------------------------------------------------------------------

TEST_F(StreamsCase, Trg040CommittedEventsReachTheBroker) {
  const std::shared_ptr<TriggerBroker> broker = NewMemoryBroker();
  ReopenWith(broker);
  const Topic topic = Register("t");
  const auto direct = broker->Subscribe(topic.id, Predicate::MatchAll(), std::nullopt);
  JAMMI_OK(direct);
  Publish(topic, BatchS(7), a_);
  const auto delivery = NextOf(**direct);
  EXPECT_EQ(delivery.offset, 0U);
  EXPECT_EQ(delivery.tenant, a_.tenant());
  EXPECT_EQ(delivery.produced_at, clock_->Now());
  EXPECT_THAT(Ids(*delivery.batch), ElementsAre(7));
  PublishMany(topic, 0, 50);
  EXPECT_EQ(NextOffsets(**direct, 50), Range(1, 51));
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
  EXPECT_THAT(Drain(**direct), IsEmpty());
  ExpectNotFound(broker->ListConsumers(topic.id), topic.id.ToString());
}

TEST_F(StreamsCase, W05TheBrokerLearnsOfATopicAtItsFirstEvent) {
  const Topic topic = Register("t");
  const auto broker = std::make_shared<FlakyBroker>([](uint64_t) { return false; });
  ReopenWith(broker);
  ExpectNotFound(broker->ListConsumers(topic.id), topic.id.ToString());
  Publish(topic, BatchS(0));
  // The drop goes through the outbox too, behind the event.
  const auto known = [&] { return broker->ListConsumers(topic.id).has_value(); };
  while (!known()) std::this_thread::yield();
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
  EXPECT_FALSE(known());
}

TEST_F(StreamsCase, W14ASlowBrokerHoldsUpNobody) {
  const auto broker = std::make_shared<FlakyBroker>([](uint64_t) { return false; });
  Event go_on;
  broker->HoldUp(&go_on);
  ReopenWith(broker);
  const Topic topic = Register("t");
  const auto live = Subscribe(topic, From::Newest());
  PublishMany(topic, 0, 50);
  EXPECT_EQ(NextOffsets(*live, 50), Range(0, 50));
  go_on.Set();
  Close();  // the outbox looks at `go_on` no more
}

TEST_F(StreamsCase, W14TheOutboxIsBounded) {
  options_.ring_bytes = 4096;
  const auto broker = std::make_shared<FlakyBroker>([](uint64_t) { return false; });
  Event go_on;
  broker->HoldUp(&go_on);
  ReopenWith(broker);
  const Topic topic = Register("t");
  const auto direct = broker->Subscribe(topic.id, Predicate::MatchAll(), std::nullopt);
  JAMMI_OK(direct);
  PublishMany(topic, 0, 1);
  ASSERT_TRUE(broker->reached().Wait());
  PublishMany(topic, 1, 100);
  go_on.Set();
  std::vector<uint64_t> offsets = {NextOf(**direct).offset};
  EXPECT_EQ(offsets.back(), 0U) << "the one under way";
  while (offsets.back() != 99) offsets.push_back(NextOf(**direct).offset);
  EXPECT_LT(offsets.size(), 50U);
  EXPECT_TRUE(std::ranges::is_sorted(offsets));
  Close();
}

TEST_F(StreamsCase, WithoutABrokerNothingIsMissing) {
  ReopenWith(nullptr);
  const Topic topic = Register("t");
  const auto live = Subscribe(topic, From::Newest());
  Publish(topic, BatchS(0));
  EXPECT_EQ(NextOf(*live).offset, 0U);
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
}

// --- The end ------------------------------------------------------------------------------------------

TEST_F(StreamsCase, OptionsAreChecked) {
  for (auto* wrong :
       {&options_.page.events, &options_.page.bytes, &options_.ring_bytes, &options_.max_batch_bytes}) {
    const auto before = std::exchange(*wrong, 0);
    const auto refused = Streams::Open(*catalog_, options_, nullptr);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    *wrong = before;
  }
}

TEST_F(StreamsCase, ShutdownAnswersEveryPublishAndEndsEverySubscription) {
  const Topic topic = Register("t");
  std::vector<std::unique_ptr<Subscription>> parked;
  std::atomic<int> fired = 0;
  for (int i = 0; i < 20; ++i) {
    parked.push_back(Subscribe(topic, From::Offset(1'000'000)));
    parked.back()->OnReady([&] { ++fired; });
  }
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([subscription = Subscribe(topic, From::Offset(1'000'000))] {
      EXPECT_THAT(Drain(*subscription), IsEmpty());
    });
  }
  std::atomic<int> answered = 0;
  std::atomic<int> committed = 0;
  for (int i = 0; i < 300; ++i) {
    streams_->PublishAsync(Scope::Global(), topic.id, BatchS(i), Soon(), [&](Result<Offset> offset) {
      ++answered;
      if (offset) ++committed;
    });
  }
  streams_->Shutdown();
  EXPECT_EQ(answered, 300);
  EXPECT_EQ(committed, 300);
  EXPECT_EQ(fired, 20);
  for (auto& reader : readers) reader.join();

  const auto refused = streams_->Publish(Scope::Global(), topic.id, BatchS(0), Soon());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(streams_->Subscribe(Scope::Global(), "t", From::Newest()).error().code(),
            ErrorCode::kUnavailable);
  EXPECT_EQ(streams_->RegisterTopic(Scope::Global(), "u", SchemaS()).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(streams_->FindTopic(Scope::Global(), "t").error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(streams_->FindTopic(Scope::Global(), topic.id).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(streams_->ListTopics(Scope::Global(), 10).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(streams_->DropTopic(Scope::Global(), topic.id).error().code(), ErrorCode::kUnavailable);
  streams_->Shutdown();
  Reopen();
  EXPECT_EQ(Replay(topic).size(), 300U);
}

TEST_F(StreamsCase, ASubscriptionOutlivesTheStreams) {
  const Topic topic = Register("t");
  const auto subscription = Subscribe(topic, From::Newest());
  Publish(topic, BatchS(0));
  Close();
  EXPECT_THAT(Drain(*subscription), IsEmpty());
}

// --- Damage -------------------------------------------------------------------------------------------

TEST_F(StreamsCase, EventsBeforeADamagedOneAreDelivered) {
  const Topic topic = Register("t");
  PublishMany(topic, 0, 10);
  JAMMI_OK(catalog_->backend().Transact({}, [](Transaction& tx) {
    return tx.Execute("UPDATE events SET checksum = checksum + 1 WHERE event_key % 1024 = 6");
  }));
  const auto subscription = Subscribe(topic, From::Offset(0));
  EXPECT_EQ(NextOffsets(*subscription, 6), Range(0, 6));
  const auto next = subscription->Next(Soon());
  ASSERT_FALSE(next);
  EXPECT_EQ(next.error().code(), ErrorCode::kDataLoss);
  EXPECT_THAT(next.error().message(), HasSubstr("offset 6"));
  EXPECT_EQ(subscription->position(), 6U);
  EXPECT_EQ(NextOffsets(*Subscribe(topic, From::Offset(7)), 3), Range(7, 10));
}

// --- Races --------------------------------------------------------------------------------------------

// Readers from 0 and live, at full publish rate, one of them more than ten rings behind.
TEST_F(StreamsCase, W02W03W04DeliveriesEqualTheLogAtFullRate) {
  options_.ring_bytes = 64 << 10;  // about forty events
  options_.page.events = 16;
  Reopen();
  constexpr int kPublishers = 4;
  constexpr int64_t kPerPublisher = 400;
  constexpr uint64_t kTotal = kPublishers * kPerPublisher;
  const Topic topic = Register("t");
  const auto far_behind = Subscribe(topic, From::Newest());

  std::vector<std::thread> threads;
  for (int p = 0; p < kPublishers; ++p) {
    threads.emplace_back([&] { PublishMany(topic, 0, kPerPublisher); });
  }
  for (int r = 0; r < 6; ++r) {
    threads.emplace_back([&, r] {
      for (int round = 0; round < 4; ++round) {
        const auto subscription = Subscribe(topic, r % 2 == 0 ? From::Offset(0) : From::Newest());
        const uint64_t start = subscription->position();
        const uint64_t stop = round == 3 ? kTotal : std::min(kTotal, start + 100);
        ASSERT_EQ(NextOffsets(*subscription, stop - start), Range(start, stop));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(far_behind->lag(), kTotal);
  EXPECT_EQ(NextOffsets(*far_behind, kTotal), Range(0, kTotal));
  EXPECT_EQ(Offsets(Replay(topic)), Range(0, kTotal));
}

TEST_F(StreamsCase, DropRacesWithPublishersAndSubscribers) {
  for (int round = 0; round < 10; ++round) {
    const Topic topic = Register("t");
    std::atomic<bool> gone = false;
    std::vector<std::thread> threads;
    std::atomic<uint64_t> acknowledged = 0;
    threads.emplace_back([&] {
      for (;;) {
        const auto offset = streams_->Publish(Scope::Global(), topic.id, BatchS(0), Soon());
        if (!offset) {
          EXPECT_EQ(offset.error().code(), ErrorCode::kNotFound) << offset.error().ToString();
          return;
        }
        ++acknowledged;
      }
    });
    threads.emplace_back([&] {
      while (!gone) {
        const auto subscription = streams_->Subscribe(Scope::Global(), topic.id, From::Offset(0));
        if (!subscription) {
          EXPECT_EQ(subscription.error().code(), ErrorCode::kNotFound);
          return;
        }
        const auto deliveries = Drain(**subscription);
        EXPECT_EQ(Offsets(deliveries), Range(0, deliveries.size()));
      }
    });
    while (acknowledged < 3) std::this_thread::yield();
    JAMMI_OK(streams_->DropTopic(Scope::Global(), topic.id));
    gone = true;
    for (auto& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace jammi
