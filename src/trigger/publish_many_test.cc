// Publishing several batches in one call, and publishing once under a producer key.
#include <future>

#include "trigger/memory_broker.h"
#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

class PublishManyTest : public StreamsTest {
 protected:
  Result<PublishOutcome> PublishMany(const Batches& batches, const std::string& key = "",
                                     const Scope& scope = Scope::Global()) {
    return streams_->PublishMany(scope, topic_.id, batches, {.producer_key = key}, Soon());
  }
  Result<PublishOutcome> PublishManyAsync(const Batches& batches, const std::string& key = "") {
    std::promise<Result<PublishOutcome>> told;
    streams_->PublishManyAsync(Scope::Global(), topic_.id, batches, {.producer_key = key}, Soon(),
                               [&](Result<PublishOutcome> outcome) { told.set_value(std::move(outcome)); });
    return told.get_future().get();
  }
  std::vector<int64_t> Published(const Scope& scope = Scope::Global()) {
    return FirstIds(Replay(topic_, scope));
  }

  Topic topic_ = Register("t");
};

uint64_t ConflictOffset(const Result<PublishOutcome>& outcome) {
  EXPECT_FALSE(outcome);
  if (outcome) return UINT64_MAX;
  EXPECT_EQ(outcome.error().code(), ErrorCode::kAlreadyExists) << outcome.error().ToString();
  const auto* detail = outcome.error().As<ProducerKeyConflictDetail>();
  EXPECT_NE(detail, nullptr) << outcome.error().ToString();
  return detail == nullptr ? UINT64_MAX : detail->first_offset;
}

// --- Several batches -----------------------------------------------------------------------------------

TEST_F(PublishManyTest, TheBatchesAreConsecutiveEventsOfOneCommit) {
  const auto live = Subscribe(topic_, From::Newest());
  Publish(topic_, BatchS(0));
  const uint64_t groups = catalog_->backend().stats().groups;
  const auto outcome = PublishMany({BatchS(1), BatchS(2, "X", 0), BatchS(3, "X", 5)});
  JAMMI_OK(outcome);
  EXPECT_EQ(outcome->offset.value, 1U);
  EXPECT_FALSE(outcome->duplicate);
  EXPECT_EQ(catalog_->backend().stats().groups - groups, 1U);
  EXPECT_EQ(Publish(topic_, BatchS(4)).value, 4U);
  std::vector<int64_t> rows;
  for (uint64_t offset = 0; offset < 5; ++offset) {
    const Delivery delivery = NextOf(*live);
    EXPECT_EQ(delivery.offset, offset);
    const bool is_of_it = offset >= 1 && offset <= 3;
    EXPECT_TRUE(!is_of_it || delivery.produced_at == outcome->offset.committed_at);
    rows.push_back(delivery.batch->num_rows());
  }
  EXPECT_THAT(rows, ElementsAre(1, 1, 0, 5, 1));
}

TEST_F(PublishManyTest, OneBatchThatIsRefusedLeavesNone) {
  const auto narrow = *BatchS(1)->SelectColumns({0});
  const auto refused = PublishMany({BatchS(0), BatchS(1), narrow}, "key");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().As<BatchSchemaMismatchDetail>(), nullptr);
  EXPECT_THAT(refused.error().message(), StartsWith("batch 2: "));
  const auto none = PublishManyAsync({BatchS(0), nullptr}, "key");
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(none.error().message(), StartsWith("batch 1: "));
  EXPECT_THAT(Published(), IsEmpty());
  EXPECT_EQ(PublishMany({BatchS(7)}, "key")->offset.value, 0U) << "and the key is free";
}

TEST_F(PublishManyTest, WhatOnePublishMayHoldIsLimited) {
  const auto refusal = [&](const Batches& batches) {
    const auto refused = PublishMany(batches);
    EXPECT_FALSE(refused);
    if (refused) return std::string();
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    return refused.error().message();
  };
  EXPECT_THAT(refusal({}), HasSubstr("no batch"));
  EXPECT_THAT(refusal(Batches(kMaxPublishBatches + 1, BatchS(1))), HasSubstr("10001 batches"));
  const auto large = BatchS(1, std::string(9 << 20, 'x'));
  EXPECT_THAT(refusal(Batches(8, large)), HasSubstr("batch 7: with it"));
  EXPECT_THAT(Published(), IsEmpty());
  JAMMI_OK(PublishMany(Batches(kMaxPublishBatches, BatchS(1))));
  JAMMI_OK(PublishMany(Batches(7, large)));
}

TEST_F(PublishManyTest, ATenantsTopicTakesItsOwnBatchesOnly) {
  topic_ = Register("pinned", a_);
  for (const Scope& other : {b_, Scope::Global()}) {
    const auto refused = PublishMany({BatchS(0), BatchS(1)}, "key", other);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().As<PublishTenantMismatchDetail>(), nullptr) << refused.error().ToString();
  }
  JAMMI_OK(PublishMany({BatchS(0), BatchS(1)}, "key", a_));
}

TEST_F(PublishManyTest, AClosedEngineTakesNothing) {
  streams_->Shutdown();
  EXPECT_EQ(PublishMany({BatchS(0)}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(PublishManyAsync({BatchS(0)}).error().code(), ErrorCode::kUnavailable);
}

// A publish from a callback of another looks its topic up elsewhere; what it was given may be gone by then.
TEST_F(PublishManyTest, BatchesAreKeptForACallThatMustWaitForALookUp) {
  const Topic other = Register("other");
  Reopen();
  Publish(topic_, BatchS(0));
  std::promise<Result<PublishOutcome>> told;
  streams_->PublishAsync(Scope::Global(), topic_.id, BatchS(1), Soon(), [&](const Result<Offset>&) {
    const Batches batches = {BatchS(2), BatchS(3)};
    streams_->PublishManyAsync(Scope::Global(), other.id, batches, {.producer_key = "key"}, Soon(),
                               [&](Result<PublishOutcome> outcome) { told.set_value(std::move(outcome)); });
  });
  JAMMI_OK(told.get_future().get());
  EXPECT_THAT(FirstIds(Replay(other)), ElementsAre(2, 3));
}

// --- Once ----------------------------------------------------------------------------------------------

TEST_F(PublishManyTest, ARepeatedPublishIsADuplicateThatNobodySees) {
  broker_ = NewMemoryBroker();
  Reopen();
  topic_ = Register("with a broker");
  const auto live = Subscribe(topic_, From::Newest());
  JAMMI_OK(broker_->RegisterTopic(topic_));
  const auto outside = broker_->Subscribe(topic_.id, Predicate::MatchAll(), {});
  JAMMI_OK(outside);
  const auto first = PublishMany({BatchS(1), BatchS(2)}, "key");
  JAMMI_OK(first);
  for (const auto& again :
       {PublishMany({BatchS(1), BatchS(2)}, "key"), PublishManyAsync({BatchS(1), BatchS(2)}, "key")}) {
    JAMMI_OK(again);
    EXPECT_TRUE(again->duplicate);
    EXPECT_EQ(again->offset, first->offset);
    EXPECT_EQ(again->offset.committed_at, first->offset.committed_at);
  }
  Publish(topic_, BatchS(3));
  EXPECT_THAT(NextOffsets(*live, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(NextOffsets(**outside, 3), ElementsAre(0, 1, 2));
  ExpectNothing(*live);
}

TEST_F(PublishManyTest, TheKeyHoldsAcrossARestart) {
  JAMMI_OK(PublishMany({BatchS(1)}, "key"));
  Reopen();
  const auto again = PublishMany({BatchS(1)}, "key");
  JAMMI_OK(again);
  EXPECT_TRUE(again->duplicate);
  EXPECT_THAT(Published(), ElementsAre(1));
}

TEST_F(PublishManyTest, OtherBatchesUnderTheKeyAreRefused) {
  JAMMI_OK(PublishMany({BatchS(0)}));
  JAMMI_OK(PublishMany({BatchS(1), BatchS(2)}, "key"));
  EXPECT_EQ(ConflictOffset(PublishMany({BatchS(1)}, "key")), 1U);
  EXPECT_EQ(ConflictOffset(PublishMany({BatchS(2), BatchS(1)}, "key")), 1U);
  EXPECT_EQ(ConflictOffset(PublishManyAsync({BatchS(1), BatchS(2), BatchS(3)}, "key")), 1U);
  EXPECT_THAT(Published(), ElementsAre(0, 1, 2));
}

// TEN-001: on a global topic, nobody's keys are known to or in the way of another.
TEST_F(PublishManyTest, TenantsDoNotShareKeys) {
  JAMMI_OK(PublishMany({BatchS(1)}, "key", a_));
  const auto other = PublishMany({BatchS(2)}, "key", b_);
  JAMMI_OK(other);
  EXPECT_FALSE(other->duplicate);
  EXPECT_FALSE(PublishMany({BatchS(1)}, "key")->duplicate);
  EXPECT_EQ(ConflictOffset(PublishMany({BatchS(3)}, "key", b_)), 1U) << "of its own";
}

TEST_F(PublishManyTest, AMalformedKeyIsRefused) {
  for (const std::string& key : {std::string(257, 'k'), std::string("a\0b", 3), std::string("\xff")}) {
    const auto refused = PublishMany({BatchS(1)}, key);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(refused.error().message(), HasSubstr("producer key"));
  }
  EXPECT_THAT(Published(), IsEmpty());
}

TEST_F(PublishManyTest, ADroppedTopicIsNotFoundWhateverTheKey) {
  JAMMI_OK(PublishMany({BatchS(1)}, "key"));
  JAMMI_OK(streams_->DropTopic(Scope::Global(), topic_.id));
  const auto gone = PublishMany({BatchS(1)}, "key");
  ASSERT_FALSE(gone);
  EXPECT_NE(gone.error().As<TopicNotFoundDetail>(), nullptr) << gone.error().ToString();
  topic_ = Register("t");
  EXPECT_FALSE(PublishMany({BatchS(1)}, "key")->duplicate) << "another topic of the name";
}

}  // namespace
}  // namespace jammi
