// What many subscribers of one topic share: reads of the log, decoded batches, evaluations, encoded bytes.
#include <arrow/buffer.h>

#include <future>
#include <thread>

#include "trigger/memory_broker.h"
#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// --- One event ----------------------------------------------------------------------------------------

class FrameTest : public testing::Test {
 protected:
  SharedPredicate Compile(const std::string& sql) {
    return {next_id_++, *Predicate::Compile(sql, SchemaS()), counters_};
  }
  std::shared_ptr<const Frame> MakeFrame(const std::shared_ptr<arrow::RecordBatch>& batch) {
    const auto encoded = codec_.Encode(*batch, 1 << 20);
    return std::make_shared<const Frame>(0, 0, Scope::Global(), batch->num_rows(), encoded->payload);
  }
  std::shared_ptr<const SharedRows> Select(const std::shared_ptr<const Frame>& frame,
                                           const SharedPredicate& predicate) {
    auto rows = frame->Select(frame, codec_, predicate);
    EXPECT_TRUE(rows) << rows.error().ToString();
    return rows ? *rows : nullptr;
  }
  [[nodiscard]] uint64_t evaluations() const { return counters_->evaluations; }

  const EventCodec codec_ = *EventCodec::Make(SchemaS());
  const std::shared_ptr<FeedCounters> counters_ = std::make_shared<FeedCounters>();
  uint64_t next_id_ = 1;
};

TEST_F(FrameTest, W27WhatAPredicateChoseIsRememberedInFewBits) {
  const auto frame = MakeFrame(BatchS(0, "X", 100));
  // Each chooses half of the rows, none of them side by side: together many times the event.
  std::vector<SharedPredicate> predicates;
  for (int i = 0; i < 10; ++i) predicates.push_back(Compile(fmt::format("(id + {}) % 2 = 0", i)));
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < 10; ++i) {
      const auto rows = Select(frame, predicates[i]);
      ASSERT_NE(rows, nullptr);
      EXPECT_EQ(rows->batch()->num_rows(), 50);
      EXPECT_EQ(Ids(*rows->batch())[1], i % 2 == 0 ? 2 : 3);
    }
    EXPECT_EQ(evaluations(), 10U) << "once each, though the copies are made again";
  }
}

TEST_F(FrameTest, CopiesAreSharedAsLongAsSomebodyHasThem) {
  const auto frame = MakeFrame(BatchS(0, "X", 100));
  std::vector<std::shared_ptr<const SharedRows>> held;
  std::vector<SharedPredicate> predicates;
  for (int i = 0; i < 6; ++i) {
    predicates.push_back(Compile(fmt::format("(id + {}) % 3 = 0", i)));
    held.push_back(Select(frame, predicates.back()));
  }
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(Select(frame, predicates[i]).get(), held[i].get());
}

TEST_F(FrameTest, MoreThanAFrameRemembersIsRightAllTheSame) {
  const auto frame = MakeFrame(BatchS(0, "X", 3));
  for (int round = 0; round < 2; ++round) {
    next_id_ = 1;
    for (int i = 0; i < 200; ++i) {
      const auto rows = Select(frame, Compile(fmt::format("id < {}", i)));
      ASSERT_EQ(rows == nullptr ? 0 : rows->batch()->num_rows(), std::min(i, 3)) << i;
    }
  }
  EXPECT_LT(evaluations(), 400U);
  EXPECT_GE(evaluations(), 200U);
}

TEST_F(FrameTest, WhatItSelectsOutlivesTheFrame) {
  auto frame = MakeFrame(BatchS(0, "X", 4));
  const auto all = frame->Select(frame, codec_, Compile(""));
  const auto some = frame->Select(frame, codec_, Compile("id % 2 = 0"));
  // The last to hold the frame is the call itself.
  const Frame& last = *frame;
  std::shared_ptr<const void> owner = std::move(frame);
  const auto none = last.Select(std::move(owner), codec_, Compile("id < 0"));
  JAMMI_OK(none);
  EXPECT_EQ(*none, nullptr);
  EXPECT_THAT(Ids(*(*all)->batch()), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(Ids(*(*some)->batch()), ElementsAre(0, 2));
  JAMMI_OK((*all)->Ipc());
}

TEST_F(FrameTest, ManyAtOnceShareOneEvaluation) {
  for (int round = 0; round < 50; ++round) {
    const auto frame = MakeFrame(BatchS(0, "X", 10));
    const auto predicate = Compile("id % 2 = 0");
    const uint64_t before = evaluations();
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        const auto rows = Select(frame, predicate);
        EXPECT_EQ(rows->batch()->num_rows(), 5);
        EXPECT_TRUE(rows->Ipc());
      });
    }
    threads.clear();
    ASSERT_EQ(evaluations() - before, 1U);
  }
}

// --- Pages --------------------------------------------------------------------------------------------

class Taker final : public PageTaker {
 public:
  void OnPage(Result<std::shared_ptr<const SharedPage>> page) override { page_.set_value(std::move(page)); }
  [[nodiscard]] bool closed() const override { return closed_; }
  void Close() { closed_ = true; }
  Result<std::shared_ptr<const SharedPage>> Page() {
    auto page = page_.get_future();
    if (page.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
      return Error(ErrorCode::kInternal, "no answer");
    }
    return page.get();
  }

 private:
  std::promise<Result<std::shared_ptr<const SharedPage>>> page_;
  std::atomic<bool> closed_ = false;
};

constexpr int64_t kTopicNo = 7;

class PageCacheTest : public testing::Test {
 protected:
  PageCacheTest() {
    log_.Create(kTopicNo);
    for (int64_t i = 0; i < 100; ++i) Publish(i);
    Start({.page = {.events = 10, .bytes = 1 << 20}});
  }
  ~PageCacheTest() override {
    runtime_->loader.Stop();
    runtime_->dispatch.Stop();
  }

  void Start(const FeedLimits& limits) {
    if (runtime_ != nullptr) {
      runtime_->loader.Stop();
      runtime_->dispatch.Stop();
    }
    runtime_ = std::make_shared<FeedRuntime>(&log_, limits, 1, 1);
    cache_ = std::make_shared<PageCache>(runtime_, kTopicNo);
  }
  void Publish(int64_t id, const Scope& scope = Scope::Global()) {
    auto encoded = *codec_.Encode(*BatchS(id), 1 << 20);
    ASSERT_TRUE(log_.Append(EventAppend{.topic_no = kTopicNo,
                                        .scope = scope,
                                        .row_count = 1,
                                        .checksum = encoded.checksum,
                                        .payload = std::move(encoded.payload)},
                            {}));
  }
  std::shared_ptr<Taker> Load(uint64_t offset, const Scope& reader = Scope::Global()) {
    auto taker = std::make_shared<Taker>();
    EXPECT_TRUE(cache_->Load(reader, offset, taker));
    return taker;
  }
  std::shared_ptr<const SharedPage> Read(uint64_t offset) {
    auto page = Load(offset)->Page();
    EXPECT_TRUE(page) << page.error().ToString();
    Settle();
    return page ? *page : nullptr;
  }
  // The loader has let go of what it has read.
  void Settle() {
    Event done;
    ASSERT_TRUE(runtime_->loader.Post([&done] { done.Set(); }));
    ASSERT_TRUE(done.Wait());
  }
  // The loader's next reads wait for this.
  void Hold(Event& until) {
    log_.set_before_read([&until]() -> Result<void> {
      EXPECT_TRUE(until.Wait());
      return {};
    });
  }

  const EventCodec codec_ = *EventCodec::Make(SchemaS());
  FakeLog log_;
  std::shared_ptr<FeedRuntime> runtime_;
  std::shared_ptr<PageCache> cache_;
};

TEST_F(PageCacheTest, WhoeverWaitsForAPageSharesItsRead) {
  Event go_on;
  Hold(go_on);
  std::vector<std::shared_ptr<Taker>> takers;
  for (const uint64_t offset : {20, 20, 23, 29}) takers.push_back(Load(offset));
  go_on.Set();
  const auto first = takers[0]->Page();
  JAMMI_OK(first);
  EXPECT_EQ((*first)->begin(), 20U);
  EXPECT_EQ((*first)->end(), 30U);
  for (size_t i = 1; i < takers.size(); ++i) EXPECT_EQ(takers[i]->Page()->get(), first->get());
  EXPECT_EQ(log_.reads(), 1);
}

TEST_F(PageCacheTest, APageThatEndsTooEarlyIsFollowedByAnotherRead) {
  Start({.page = {.events = 10, .bytes = 1}});  // one event, though ten are hoped for
  Event go_on;
  Hold(go_on);
  const auto first = Load(20);
  const auto behind = Load(25);
  go_on.Set();
  EXPECT_EQ((*first->Page())->end(), 21U);
  EXPECT_EQ((*behind->Page())->begin(), 25U);
  EXPECT_EQ(log_.reads(), 2);
}

TEST_F(PageCacheTest, AnErrorIsForWhoAskedForThatEvent) {
  log_.Edit(kTopicNo, 20, [](LogEvent& event) { ++event.checksum; });
  Event go_on;
  Hold(go_on);
  const auto damaged = Load(20);
  const auto behind = Load(22);
  go_on.Set();
  EXPECT_EQ(damaged->Page().error().code(), ErrorCode::kDataLoss);
  const auto page = behind->Page();
  JAMMI_OK(page);
  EXPECT_EQ((*page)->begin(), 22U);
}

TEST_F(PageCacheTest, NoPageIsSharedBetweenScopes) {
  const Scope a = Scope::ForTenant(Tenant(1));
  const Scope b = Scope::ForTenant(Tenant(2));
  Publish(100, a);
  Publish(101, b);
  cache_->Enter();
  cache_->Enter();
  Event go_on;
  Hold(go_on);
  const auto mine = Load(95, a);
  const auto theirs = Load(95, b);
  go_on.Set();
  const auto page_a = *mine->Page();
  const auto page_b = *theirs->Page();
  EXPECT_NE(page_a->event(100).payload, nullptr);
  EXPECT_EQ(page_a->event(101).payload, nullptr);
  EXPECT_EQ(page_b->event(100).payload, nullptr);
  EXPECT_NE(page_b->event(101).payload, nullptr);
  EXPECT_EQ(cache_->Find(a, 100).get(), page_a.get());
  EXPECT_EQ(cache_->Find(b, 100).get(), page_b.get());
  EXPECT_EQ(cache_->Find(Scope::Global(), 100), nullptr);
}

TEST_F(PageCacheTest, WhatTwoReadIsKeptUntilNoneLags) {
  cache_->Enter();
  Read(0);
  EXPECT_EQ(cache_->Find(Scope::Global(), 0), nullptr) << "there is nobody to keep it for";
  cache_->Enter();
  Read(0);
  EXPECT_NE(cache_->Find(Scope::Global(), 9), nullptr);
  EXPECT_EQ(cache_->Find(Scope::Global(), 10), nullptr);
  EXPECT_GT(cache_->kept_bytes(), 0);
  cache_->Leave();
  EXPECT_NE(cache_->Find(Scope::Global(), 9), nullptr) << "the last may need it";
  cache_->Leave();
  EXPECT_EQ(cache_->Find(Scope::Global(), 9), nullptr);
  EXPECT_EQ(cache_->kept_bytes(), 0);
}

TEST_F(PageCacheTest, APageInUseIsSharedThoughItIsNotKept) {
  const auto page = Read(0);
  EXPECT_EQ(cache_->Find(Scope::Global(), 5).get(), page.get());
  EXPECT_EQ(cache_->kept_bytes(), 0);
}

TEST_F(PageCacheTest, WhatIsKeptIsBounded) {
  const int64_t page_bytes = Read(0)->bytes();
  Start({.page = {.events = 10, .bytes = 1 << 20}, .page_cache_bytes = 3 * page_bytes});
  cache_->Enter();
  cache_->Enter();
  for (uint64_t offset = 0; offset < 50; offset += 10) {
    Read(offset);
    Read(0);  // asked for again and again, it stays
    EXPECT_LE(cache_->kept_bytes(), 3 * page_bytes);
  }
  EXPECT_NE(cache_->Find(Scope::Global(), 0), nullptr);
  EXPECT_EQ(cache_->Find(Scope::Global(), 10), nullptr);
  EXPECT_NE(cache_->Find(Scope::Global(), 40), nullptr);
  Start({.page = {.events = 10, .bytes = 1 << 20}, .page_cache_bytes = 0});
  cache_->Enter();
  cache_->Enter();
  Read(0);
  EXPECT_EQ(cache_->Find(Scope::Global(), 0), nullptr);
}

TEST_F(PageCacheTest, WhatNobodyAsksForIsLetGo) {
  cache_->Enter();
  cache_->Enter();
  Read(0);
  Read(10);
  cache_->Age();
  EXPECT_NE(cache_->Find(Scope::Global(), 10), nullptr);
  cache_->Age();
  EXPECT_EQ(cache_->Find(Scope::Global(), 0), nullptr);
  EXPECT_NE(cache_->Find(Scope::Global(), 10), nullptr);
  cache_->Age();
  cache_->Age();
  EXPECT_EQ(cache_->kept_bytes(), 0);
}

TEST_F(PageCacheTest, TrimmedEventsAreNotServed) {
  const auto page = Read(0);
  cache_->DropBelow(5);
  EXPECT_EQ(cache_->Find(Scope::Global(), 7), nullptr);
}

TEST_F(PageCacheTest, NobodyReadsForThoseWhoLeft) {
  Event go_on;
  Hold(go_on);
  const auto holds_the_thread = Load(90);
  const auto left = Load(0);
  left->Close();
  go_on.Set();
  JAMMI_OK(holds_the_thread->Page());
  JAMMI_OK(Load(50)->Page());  // behind it on the one thread
  EXPECT_EQ(log_.reads(), 2);
}

TEST_F(PageCacheTest, AtTheEndWhoWaitsIsToldSo) {
  Event go_on;
  Hold(go_on);
  const auto reads = Load(0);
  const auto joined = Load(95);
  cache_->End();
  go_on.Set();
  EXPECT_EQ(joined->Page().error().code(), ErrorCode::kNotFound);
  runtime_->loader.Stop();
  EXPECT_FALSE(cache_->Load(Scope::Global(), 40, std::make_shared<Taker>()));
}

// --- Subscriptions ------------------------------------------------------------------------------------

class FanOutTest : public FeedsTest {
 protected:
  // A thousand, with ten predicates.
  std::vector<std::unique_ptr<Subscription>> Crowd(From from) {
    std::vector<std::unique_ptr<Subscription>> crowd;
    for (int i = 0; i < 1000; ++i) crowd.push_back(Attach(from, fmt::format("id % 10 = {}", i % 10)));
    return crowd;
  }
  void ExpectTheirRows(const std::vector<std::unique_ptr<Subscription>>& crowd, uint64_t events) {
    for (size_t i = 0; i < crowd.size() && !HasFailure(); ++i) {
      for (uint64_t event = 0; event < events; ++event) {
        const auto delivery = NextOf(*crowd[i]);
        ASSERT_EQ(delivery.offset, event);
        ASSERT_THAT(Ids(*delivery.batch), ElementsAre(i % 10, 10 + i % 10));
      }
    }
  }
  // All begin to read, and then the log answers.
  void StartTogether(const std::vector<std::unique_ptr<Subscription>>& crowd) {
    Event go_on;
    log_.set_before_read([&]() -> Result<void> {
      EXPECT_TRUE(go_on.Wait());
      return {};
    });
    for (const auto& each : crowd) {
      const auto polled = each->TryNext();
      ASSERT_TRUE(polled && std::holds_alternative<Subscription::NotReady>(*polled));
    }
    go_on.Set();
    for (const auto& each : crowd) {
      Event ready;
      each->OnReady([&] { ready.Set(); });
      ASSERT_TRUE(ready.Wait());
    }
    log_.set_before_read(nullptr);
  }
};

TEST_F(FanOutTest, W27AThousandSubscribersWithTenPredicatesCostTenEvaluations) {
  constexpr uint64_t kEvents = 5;
  const auto crowd = Crowd(From::Newest());
  for (uint64_t i = 0; i < kEvents; ++i) Publish(BatchS(0, "X", 20));
  ExpectTheirRows(crowd, kEvents);
  EXPECT_EQ(feeds_->counters().evaluations, 10 * kEvents);
  EXPECT_EQ(log_.reads(), 0);
}

TEST_F(FanOutTest, W27TheSameBelowTheRing) {
  constexpr uint64_t kEvents = 5;
  for (uint64_t i = 0; i < kEvents; ++i) Publish(BatchS(0, "X", 20));
  const auto crowd = Crowd(From::Offset(0));
  StartTogether(crowd);
  ExpectTheirRows(crowd, kEvents);
  EXPECT_EQ(feeds_->counters().evaluations, 10 * kEvents);
  EXPECT_EQ(log_.reads(), 1);
}

TEST_F(FanOutTest, LaggardsNearEachOtherReadEachPageOnce) {
  Start({.page = {.events = 7, .bytes = 1 << 20}});
  PublishMany(300);
  std::vector<std::unique_ptr<Subscription>> laggards;
  for (uint64_t i = 0; i < 100; ++i) laggards.push_back(Attach(From::Offset(i % 7), "", /*follow=*/false));
  StartTogether(laggards);
  for (uint64_t i = 0; i < 100; ++i) {
    // Some are ahead of others, by a page and more.
    for (uint64_t ahead = 0; ahead < i % 3; ++ahead) EXPECT_EQ(NextOffsets(*laggards[i], 7).size(), 7U);
  }
  for (uint64_t offset = 28; offset <= 300; offset += 7) {
    for (const auto& each : laggards) {
      while (each->position() < offset) NextOf(*each);
    }
  }
  for (const auto& each : laggards) EXPECT_EQ(Offsets(Drain(*each)).back(), 299U);
  EXPECT_EQ(log_.reads(), (300 + 6) / 7);
}

TEST_F(FanOutTest, TenantsWhoLagTogetherSeeTheirOwn) {
  const Scope a = Scope::ForTenant(Tenant(1));
  const Scope b = Scope::ForTenant(Tenant(2));
  for (int64_t i = 0; i < 30; ++i) Publish(BatchS(i), i % 3 == 0 ? a : i % 3 == 1 ? b : Scope::Global());
  std::vector<std::unique_ptr<Subscription>> laggards;
  for (int i = 0; i < 6; ++i) {
    laggards.push_back(Attach(From::Offset(0), "id >= 0", /*follow=*/false, i % 2 == 0 ? a : b));
  }
  StartTogether(laggards);
  for (size_t i = 0; i < laggards.size(); ++i) {
    const auto seen = Drain(*laggards[i]);
    EXPECT_EQ(seen.size(), 20U);
    for (const auto& event : seen) {
      EXPECT_NE(event.offset % 3, i % 2 == 0 ? 1U : 0U);
    }
  }
  EXPECT_EQ(log_.reads(), 2) << "once for each tenant";
  EXPECT_EQ(feeds_->counters().evaluations, 40U);
}

TEST_F(FanOutTest, AMemberOfTheCrowdWhoLeavesTakesNothingAway) {
  Start({.page = {.events = 7, .bytes = 1 << 20}});
  PublishMany(70);
  std::vector<std::unique_ptr<Subscription>> laggards;
  for (int i = 0; i < 4; ++i) laggards.push_back(Attach(From::Offset(0), "", /*follow=*/false));
  StartTogether(laggards);
  EXPECT_EQ(NextOffsets(*laggards[0], 10), Range(0, 10));
  laggards[0]->Close();
  laggards[1].reset();
  EXPECT_EQ(Offsets(Drain(*laggards[2])), Range(0, 70));
  EXPECT_EQ(Offsets(Drain(*laggards[3])), Range(0, 70));
}

TEST_F(FanOutTest, APredicatesRowErrorInASharedPageEndsItsOwnStreamsAlone) {
  Publish(BatchS(0, "7"));
  Publish(BatchS(1, "seven"));
  Publish(BatchS(2, "7"));
  std::vector<std::unique_ptr<Subscription>> laggards;
  laggards.push_back(Attach(From::Offset(0), "CAST(kind AS BIGINT) = 7", /*follow=*/false));
  laggards.push_back(Attach(From::Offset(0), "CAST(kind AS BIGINT) = 7", /*follow=*/false));
  laggards.push_back(Attach(From::Offset(0), "id >= 0", /*follow=*/false));
  StartTogether(laggards);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(NextOf(*laggards[i]).offset, 0U);
    const auto failed = laggards[i]->Next(Soon());
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().As<PredicateEvalDetail>(), nullptr);
    EXPECT_THAT(failed.error().message(), testing::HasSubstr("event 1"));
  }
  EXPECT_EQ(Offsets(Drain(*laggards[2])), Range(0, 3));
}

// --- Bytes --------------------------------------------------------------------------------------------

TEST_F(FanOutTest, W27UnfilteredBytesAreThoseOfTheLog) {
  const auto one = Attach(From::Newest());
  const auto two = Attach(From::Newest(), "id >= 0");  // every row matches
  Publish(BatchS(1, "X", 3));
  const auto stored = log_.Events(topic_.topic_no)[0].payload;
  for (Subscription* each : {one.get(), two.get()}) {
    const auto bytes = NextOf(*each).Ipc();
    JAMMI_OK(bytes);
    EXPECT_EQ((*bytes)->address(), stored->address());
  }
  // From a page too, whose buffer a copy from the log is.
  const auto late = Attach(From::Offset(0));
  const auto delivery = NextOf(*late);
  EXPECT_TRUE((*delivery.Ipc())->Equals(*stored));
}

// Who passes events on gets the log's bytes without anybody looking inside: live, from a page that he has to
// himself, and from one that is shared.
TEST_F(FanOutTest, WhatNeedNotBeDecodedIsNot) {
  const SubscribeOptions passes_on{.decode = false};
  const auto live = *feeds_->Attach(topic_, Scope::Global(), From::Newest(), passes_on);
  Publish(BatchS(1, "X", 3));
  const auto stored = log_.Events(topic_.topic_no)[0].payload;
  const auto alone = *feeds_->Attach(topic_, Scope::Global(), From::Offset(0), passes_on);
  const auto first = NextOf(*live);
  EXPECT_EQ((*first.Ipc())->address(), stored->address());
  for (const auto& delivery : {first, NextOf(*alone)}) {
    EXPECT_EQ(delivery.batch, nullptr);
    EXPECT_TRUE((*delivery.Ipc())->Equals(*stored));
    EXPECT_TRUE(delivery.schema()->Equals(*SchemaS()));
  }
}

TEST_F(FanOutTest, APredicateIsAskedAllTheSame) {
  const SubscribeOptions some{.predicate = "id % 2 = 0", .decode = false};
  const auto live = *feeds_->Attach(topic_, Scope::Global(), From::Newest(), some);
  Publish(BatchS(1, "X", 1));
  Publish(BatchS(0, "X", 4));
  const auto late = *feeds_->Attach(topic_, Scope::Global(), From::Offset(0), some);
  for (Subscription* each : {live.get(), late.get()}) {
    const auto delivery = NextOf(*each);
    EXPECT_EQ(delivery.offset, 1U);
    const auto rows = topic_.codec.Decode(*delivery.Ipc(), 2);
    JAMMI_OK(rows);
    EXPECT_THAT(Ids(**rows), ElementsAre(0, 2));
  }
}

TEST_F(FanOutTest, NobodyPassesOnWhatHeMayNotSee) {
  const auto mine = Scope::ForTenant(Tenant(1));
  const auto live = *feeds_->Attach(topic_, mine, From::Newest(), {.decode = false});
  Publish(BatchS(1), Scope::ForTenant(Tenant(2)));
  Publish(BatchS(2), mine);
  const auto late = *feeds_->Attach(topic_, mine, From::Offset(0), {.decode = false});
  EXPECT_EQ(NextOf(*live).offset, 1U);
  EXPECT_EQ(NextOf(*late).offset, 1U);
}

TEST_F(FanOutTest, W27FilteredBytesAreMadeOncePerPredicate) {
  const auto one = Attach(From::Newest(), "id % 2 = 0");
  const auto two = Attach(From::Newest(), "id % 2 = 0");
  const auto other = Attach(From::Newest(), "id % 2 = 1");
  Publish(BatchS(0, "X", 4));
  const auto first = NextOf(*one);
  const auto second = NextOf(*two);
  const auto third = NextOf(*other);
  EXPECT_EQ((*first.Ipc())->address(), (*second.Ipc())->address());
  EXPECT_NE((*first.Ipc())->address(), (*third.Ipc())->address());
  const auto codec = EventCodec::Make(SchemaS());
  EXPECT_TRUE((*codec->Decode(*first.Ipc(), 2))->Equals(*first.batch));
  EXPECT_TRUE((*codec->Decode(*third.Ipc(), 2))->Equals(*third.batch));
}

TEST_F(FanOutTest, TheBytesHaveTheColumnsOfTheSubscribersSchema) {
  TopicEntry later = topic_;
  auto fields = SchemaS()->fields();
  fields.push_back(arrow::field("depth", arrow::dictionary(arrow::int8(), arrow::utf8())));
  later.topic.schema = arrow::schema(fields);
  const std::vector<int64_t> earlier = {3};
  later.codec = *EventCodec::Make(later.topic.schema, earlier);
  const auto old = Attach(From::Newest());
  const auto young = *feeds_->Attach(later, Scope::Global(), From::Newest(), {});
  const SubscribeOptions passes_on{.decode = false};
  const auto old_bytes = *feeds_->Attach(topic_, Scope::Global(), From::Newest(), passes_on);
  const auto young_bytes = *feeds_->Attach(later, Scope::Global(), From::Newest(), passes_on);
  Publish(BatchS(1));
  const auto depth = *arrow::MakeArrayOfNull(fields[3]->type(), 1);
  const std::shared_ptr<arrow::RecordBatch> wider = *BatchS(2)->AddColumn(3, fields[3], depth);
  JAMMI_OK(publisher_.Publish(later, Scope::Global(), {&wider, 1}, {}, Soon()));
  for (int i = 0; i < 2; ++i) {
    for (const auto& [subscription, bytes, schema] : {std::tuple{old.get(), old_bytes.get(), SchemaS()},
                                                      {young.get(), young_bytes.get(), later.topic.schema}}) {
      const auto delivery = NextOf(*subscription);
      const auto passed_on = NextOf(*bytes);
      EXPECT_TRUE((*passed_on.Ipc())->Equals(**delivery.Ipc()));
      EXPECT_TRUE(passed_on.schema()->Equals(*schema));
      bool as_stored = false;
      const auto back = EventCodec::Make(schema)->Decode(*delivery.Ipc(), 1, &as_stored);
      JAMMI_OK(back);
      EXPECT_TRUE(as_stored);
      EXPECT_TRUE((*back)->Equals(*delivery.batch));
    }
  }
}

TEST(DeliveryBytes, OfADriverAndOfOnesOwn) {
  const auto broker = NewMemoryBroker();
  const Topic topic{.id = TopicId(Uuid::RandomV4()), .name = "t", .schema = SchemaS()};
  JAMMI_OK(broker->RegisterTopic(topic));
  const auto one = *broker->Subscribe(topic.id, Predicate::MatchAll(), std::nullopt);
  const auto two = *broker->Subscribe(topic.id, Predicate::MatchAll(), std::nullopt);
  JAMMI_OK(broker->Publish(topic.id, BatchS(1), 0, 0, std::nullopt));
  const auto first = NextOf(*one);
  const auto bytes = first.Ipc();
  JAMMI_OK(bytes);
  EXPECT_EQ((*bytes)->address(), (*NextOf(*two).Ipc())->address());
  const Delivery own{.batch = BatchS(1)};
  EXPECT_TRUE((*own.Ipc())->Equals(**bytes));
  EXPECT_EQ(Delivery{}.Ipc().error().code(), ErrorCode::kInvalidState);
}

}  // namespace
}  // namespace jammi
