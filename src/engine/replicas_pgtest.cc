// Two engines on one PostgreSQL catalog: what one does, the other sees.
#include <arrow/api.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/sync_point.h"
#include "engine/number_fixture.h"
#include "engine/repositories_fixture.h"
#include "support/pg_server.h"

namespace jammi {
namespace {

class ReplicasTest : public testing::Test {
 protected:
  static std::unique_ptr<Engine> Open(const std::string& url) {
    Config config;
    config.artifact_dir = "/nowhere";  // nothing of this is stored there
    config.catalog = PostgresCatalogConfig{.url = Secret(url)};
    auto engine = Engine::Open(config);
    if (!engine) throw std::runtime_error(engine.error().ToString());
    return std::move(*engine);
  }

  const std::string url_ = test::PgServer::Shared().Url(test::PgServer::Shared().CreateDatabase());
  const std::unique_ptr<Engine> one_ = Open(url_);
  const std::unique_ptr<Engine> two_ = Open(url_);
  const TenantId tenant_ = *TenantId::From(Uuid::RandomV4());
};

TEST_F(ReplicasTest, WhatOneRegistersTheOtherUsesAtOnce) {
  EXPECT_EQ(one_->incarnation(), two_->incarnation());
  const auto topic = one_->ForTenant(tenant_).topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  EXPECT_EQ(two_->ForTenant(tenant_).Publish(topic->id, Number(1))->value, 0U);
  ASSERT_TRUE(two_->ForTenant(tenant_).models().RegisterNext({.model_id = "m", .model_type = "embedding"}));
  EXPECT_EQ(*one_->ForTenant(tenant_).models().LatestVersion("m"), 1);
  EXPECT_EQ(one_->Global().models().LatestVersion("m").error().code(), ErrorCode::kNotFound);
}

// Whichever engine trims: the other's laggard is told, and its readers at the head go on.
TEST_F(ReplicasTest, WhatOneTrimsIsGoneForTheOther) {
  const auto topic = one_->Global().topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  for (int64_t i = 0; i < 6; ++i) ASSERT_TRUE(one_->Global().Publish(topic->id, Number(i)));
  const auto laggard = two_->Global().Subscribe("t", From::Offset(0));
  const auto at_head = two_->Global().Subscribe("t", From::Newest());
  ASSERT_TRUE(laggard && at_head);
  ASSERT_TRUE(one_->Global().topics().SetRetention(topic->id, {.max_events = 2}));
  const auto stats = [&] { return *two_->Global().topics().Stats(topic->id); };
  while (stats().low_water != 4) std::this_thread::yield();
  const auto next = (*laggard)->Next(Patience());
  ASSERT_FALSE(next);
  ASSERT_NE(next.error().As<OffsetEvictedDetail>(), nullptr) << next.error().ToString();
  EXPECT_EQ(next.error().As<OffsetEvictedDetail>()->low_water, 4U);
  ASSERT_TRUE(one_->Global().Publish(topic->id, Number(6)));
  EXPECT_EQ((**(*at_head)->Next(Patience())).offset, 6U);
}

TEST_F(ReplicasTest, EveryRepositoryIsSharedAndScoped) {
  UseEveryRepository(one_->ForTenant(tenant_), two_->job_queue(), two_->ForTenant(tenant_),
                     two_->ForTenant(*TenantId::From(Uuid::RandomV4())));
}

TEST_F(ReplicasTest, ASubscriptionReceivesWhatEveryReplicaPublishesInOrder) {
  const auto topic = one_->Global().topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  const auto subscription = two_->Global().Subscribe("t", From::Offset(0));
  ASSERT_TRUE(subscription) << subscription.error().ToString();
  for (uint64_t i = 0; i < 20; ++i) {
    const auto& publisher = i % 3 == 0 ? two_ : one_;
    ASSERT_EQ(publisher->Global().Publish(topic->id, Number(static_cast<int64_t>(i)))->value, i);
    const auto next = (*subscription)->Next(Patience());
    ASSERT_TRUE(next) << next.error().ToString();
    ASSERT_TRUE(next->has_value());
    EXPECT_EQ((*next)->offset, i);
  }
}

TEST_F(ReplicasTest, WhatOnePublishedUnderAKeyTheOtherDoesNotPublishAgain) {
  const auto topic = one_->Global().topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  const std::vector<std::shared_ptr<arrow::RecordBatch>> batches = {Number(1), Number(2)};
  const auto first = one_->Global().PublishMany(topic->id, batches, {.producer_key = "key"});
  ASSERT_TRUE(first) << first.error().ToString();
  const auto again = two_->Global().PublishMany(topic->id, batches, {.producer_key = "key"});
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(again->offset, first->offset);
  const auto other = two_->Global().Publish(topic->id, Number(1), {.producer_key = "key"});
  ASSERT_FALSE(other);
  ASSERT_NE(other.error().As<ProducerKeyConflictDetail>(), nullptr) << other.error().ToString();
  EXPECT_FALSE(two_->ForTenant(tenant_).PublishMany(topic->id, batches, {.producer_key = "key"})->duplicate);
}

TEST_F(ReplicasTest, ADropByOneEndsTheSubscriptionsOfTheOther) {
  const auto topic = one_->ForTenant(tenant_).topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  const auto subscription = two_->ForTenant(tenant_).Subscribe("t", From::Offset(0));
  ASSERT_TRUE(subscription) << subscription.error().ToString();
  ASSERT_TRUE(one_->ForTenant(tenant_).topics().Drop(topic->id));
  const auto end = (*subscription)->Next(Patience());
  ASSERT_TRUE(end) << end.error().ToString();
  EXPECT_FALSE(end->has_value());
  // The name is free, and means the new topic everywhere.
  const auto again = one_->ForTenant(tenant_).topics().Register("t", NumberSchema());
  ASSERT_TRUE(again) << again.error().ToString();
  EXPECT_EQ(two_->ForTenant(tenant_).Publish(topic->id, Number(1)).error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(two_->ForTenant(tenant_).Publish(again->id, Number(1))->value, 0U);
}

TEST_F(ReplicasTest, ChangesOfTheCatalogAreATopicThatAnyoneReadsAndNobodyWrites) {
  const auto changes = two_->ForTenant(tenant_).Subscribe("jammi.catalog.changes", From::Newest());
  ASSERT_TRUE(changes) << changes.error().ToString();
  ASSERT_TRUE(one_->ForTenant(*TenantId::From(Uuid::RandomV4()))
                  .models()
                  .RegisterNext({.model_id = "another's", .model_type = "embedding"}));
  ASSERT_TRUE(one_->ForTenant(tenant_).models().RegisterNext({.model_id = "m", .model_type = "embedding"}));
  const auto next = (*changes)->Next(Patience());
  ASSERT_TRUE(next) << next.error().ToString();
  ASSERT_TRUE(next->has_value());
  const auto& batch = *(*next)->batch;
  const auto& names = static_cast<const arrow::StringArray&>(*batch.GetColumnByName("name"));
  EXPECT_EQ(names.GetString(0), "m");
  const auto topic = one_->ForTenant(tenant_).topics().Find("jammi.catalog.changes");
  ASSERT_TRUE(topic) << topic.error().ToString();
  EXPECT_EQ(one_->Global().Publish(topic->id, (*next)->batch).error().code(), ErrorCode::kPermissionDenied);
}

// --- Schemas that grow --------------------------------------------------------------------------------

class GrowingSchema : public ReplicasTest {
 protected:
  // Neither hears of changes before the test is over: what has been remembered of a topic stays.
  GrowingSchema() {
    SetSyncPoint("Streams::ReadChanges", [this] { over_.wait(false); });
  }
  ~GrowingSchema() override {
    over_ = true;
    over_.notify_all();
    ClearSyncPoints();
  }

  static std::shared_ptr<arrow::RecordBatch> Pair(int64_t n) {
    return *Number(n)->AddColumn(1, arrow::field("m", arrow::int64()), Number(-n)->column(0));
  }
  // The next event of both schemas, as one text each.
  static std::string Next(Subscription& subscription) {
    const auto next = subscription.Next(Patience());
    EXPECT_TRUE(next) << next.error().ToString();
    if (!next || !*next) return "nothing";
    std::string text;
    for (const auto& column : (*next)->batch->columns())
      text.append((*column->GetScalar(0))->ToString()).append(" ");
    return text;
  }

  std::atomic<bool> over_ = false;
};

TEST_F(GrowingSchema, AReplicaThatHasNotHeardOfItReadsAndWritesAllTheSame) {
  const auto topic = one_->Global().topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  ASSERT_TRUE(two_->Global().Publish(topic->id, Number(1)));  // it knows the topic now
  const auto old = two_->Global().Subscribe(topic->id, From::Offset(0));
  ASSERT_TRUE(old) << old.error().ToString();
  ASSERT_TRUE(one_->Global().topics().AppendColumns(topic->id, {arrow::field("m", arrow::int64())}));

  ASSERT_TRUE(one_->Global().Publish(topic->id, Pair(2)));
  EXPECT_TRUE(two_->Global().Publish(topic->id, Number(3))) << "its own version";
  const auto published = two_->Global().Publish(topic->id, Pair(4));
  EXPECT_TRUE(published) << "the one that it has not heard of: " << published.error().ToString();
  const auto stranger = arrow::field("x", arrow::int64());
  const auto refused =
      two_->Global().Publish(topic->id, *Number(5)->AddColumn(1, stranger, Number(5)->column(0)));
  ASSERT_FALSE(refused);
  ASSERT_NE(refused.error().As<BatchSchemaMismatchDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<BatchSchemaMismatchDetail>()->column, "m") << "of the newest";

  for (const char* event : {"1 ", "2 ", "3 ", "4 "}) EXPECT_EQ(Next(**old), event);
  for (const auto& engine : {one_.get(), two_.get()}) {
    const auto young = engine->Global().Subscribe(topic->id, From::Offset(0));
    ASSERT_TRUE(young) << young.error().ToString();
    for (const char* event : {"1 null ", "2 -2 ", "3 null ", "4 -4 "}) EXPECT_EQ(Next(**young), event);
  }
}

TEST_F(GrowingSchema, ASubscriptionByIdSeesTheNewestSchemaInEveryReplica) {
  const auto topic = one_->Global().topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  ASSERT_TRUE(two_->Global().Publish(topic->id, Number(1)));
  ASSERT_TRUE(one_->Global().topics().AppendColumns(topic->id, {arrow::field("m", arrow::int64())}));
  const auto subscription = two_->Global().Subscribe(topic->id, From::Offset(0), {.predicate = "m IS NULL"});
  ASSERT_TRUE(subscription) << subscription.error().ToString();
  EXPECT_EQ(Next(**subscription), "1 null ");
}

TEST_F(GrowingSchema, OfTwoReplicasAtOnceEachColumnIsAppendedOnce) {
  const auto topic = one_->Global().topics().Register("t", NumberSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  std::atomic<int> appended = 0;
  std::vector<std::thread> threads;
  for (const auto* engine : {one_.get(), two_.get()}) {
    threads.emplace_back([&, engine] {
      for (int i = 0; i < 10; ++i) {
        const auto field = arrow::field(std::to_string(i), arrow::int64());
        const auto done = engine->Global().topics().AppendColumns(topic->id, {field});
        if (done) ++appended;
        EXPECT_TRUE(done || done.error().code() == ErrorCode::kAlreadyExists);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(appended, 10);
  EXPECT_EQ(two_->Global().topics().Find(topic->id)->schema->num_fields(), 11);
}

}  // namespace
}  // namespace jammi
