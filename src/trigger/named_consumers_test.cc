// Named consumers: at least once, nothing skipped, one cursor at a time, on every database.
#include <thread>

#include "trigger/consumer_fixture.h"

namespace jammi {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

JAMMI_ON_EVERY_DATABASE(ConsumersTest);

const CreateConsumerOptions kFromStart{.from = From::Offset(0)};

// --- What is kept.

TEST_P(ConsumersTest, AConsumerIsMadeReadListedAndDeleted) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 5);
  const auto made = node_.Create(Scope::Global(), "quakes", "alerts",
                                 {.predicate = "  value >= 5 ", .from = From::Offset(2)});
  ASSERT_TRUE(made) << made.error().ToString();
  EXPECT_EQ(made->predicate, "value >= 5");
  EXPECT_EQ(made->position, (Position{*Uuid::Parse(node_.catalog->incarnation()), topic.id, 2}));
  EXPECT_EQ(made->Lag(), 3U);
  EXPECT_EQ(CodeOf(node_.Create(Scope::Global(), topic.id, "alerts")), ErrorCode::kAlreadyExists);
  ASSERT_TRUE(node_.Create(Scope::Global(), topic.id, "new", {}));
  EXPECT_EQ(PositionOf(topic.id, "new"), 5U) << "what comes from now on";

  const auto first = node_.List(Scope::Global(), topic.id, 1);
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_EQ(first->items.at(0).name, "alerts");
  const auto second = node_.List(Scope::Global(), topic.id, 1, first->next_page_token);
  EXPECT_EQ(second->items.at(0).name, "new");
  EXPECT_THAT(second->next_page_token, IsEmpty());

  ASSERT_TRUE(node_.Delete(Scope::Global(), topic.id, "alerts"));
  EXPECT_EQ(CodeOf(node_.Get(Scope::Global(), topic.id, "alerts")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(node_.Attach(Scope::Global(), topic.id, "alerts")), ErrorCode::kNotFound);
}

TEST_P(ConsumersTest, BadArgumentsAreRefusedAndNothingIsMade) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 2);
  constexpr auto kBad = ErrorCode::kInvalidArgument;
  const auto create = [&](std::string_view name, const CreateConsumerOptions& options) {
    return CodeOf(node_.Create(Scope::Global(), topic.id, name, options));
  };
  EXPECT_EQ(create("", kFromStart), kBad);
  EXPECT_EQ(create("x", {.predicate = "nothing > 1"}), kBad);
  EXPECT_EQ(create("x", {.predicate = "id"}), kBad);
  EXPECT_EQ(create("x", {.from = From::Offset(3)}), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(create("x", {.from = From::Position({.offset = 1})}), kBad);
  EXPECT_EQ(CodeOf(node_.Create(Scope::Global(), "nothing", "x")), ErrorCode::kNotFound);
  EXPECT_THAT(node_.List(Scope::Global(), topic.id)->items, IsEmpty());

  ASSERT_TRUE(node_.Create(Scope::Global(), topic.id, "x"));
  EXPECT_EQ(CodeOf(node_.Attach(Scope::Global(), topic.id, "x", {.lease = milliseconds(0)})), kBad);
  EXPECT_EQ(CodeOf(node_.Attach(Scope::Global(), topic.id, "x", {.holder = std::string(300, 'h')})), kBad);
  EXPECT_EQ(node_.Get(Scope::Global(), topic.id, "x")->lease, std::nullopt);
}

TEST_P(ConsumersTest, AttachMakesTheConsumerIfAsked) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 4);
  const AttachOptions options{.create_if_absent = {{.predicate = "id >= 2", .from = From::Offset(0)}}};
  auto reader = Attach(topic.id, "indexer", options);
  EXPECT_THAT(ReadAll(*reader), ElementsAre(2, 3));
  ASSERT_TRUE(reader->Ack(2));
  reader.reset();
  EXPECT_THAT(ReadAll(*Attach(topic.id, "indexer", options)), ElementsAre(3)) << "it stays where it is";
  const auto other = node_.Attach(Scope::Global(), topic.id, "indexer", {.create_if_absent = kFromStart});
  ASSERT_EQ(CodeOf(other), ErrorCode::kAlreadyExists);
  EXPECT_THAT(other.error().message(), HasSubstr("id >= 2"));
}

// --- Positions and acknowledgements.

TEST_P(ConsumersTest, WhatWasNotAcknowledgedComesAgain) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  EXPECT_EQ(NextOffsets(*reader, 4), Range(0, 4));
  ASSERT_TRUE(reader->Ack(1));
  EXPECT_EQ(reader->acked(), 2U);
  EXPECT_EQ(reader->flushed(), 0U);
  reader->Close();
  EXPECT_EQ(reader->flushed(), 2U);
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 2U);
  Reopen();
  reader = Attach(topic.id, "indexer");
  EXPECT_EQ(reader->bookmark().offset, 2U);
  EXPECT_EQ(ReadAll(*reader), Range(2, 6));
}

TEST_P(ConsumersTest, OnlyWhatWasDeliveredCanBeAcknowledged) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto reader =
      Attach(topic.id, "indexer", {.create_if_absent = {{.predicate = "id < 3", .from = From::Offset(0)}}});
  EXPECT_EQ(CodeOf(reader->Ack(0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(NextOffsets(*reader, 2), Range(0, 2));
  for (const uint64_t offset : {uint64_t{2}, uint64_t{5}, uint64_t{6}, UINT64_MAX}) {
    const auto refused = reader->Ack(offset);
    ASSERT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument) << offset;
    EXPECT_THAT(refused.error().message(), HasSubstr("was not delivered"));
  }
  EXPECT_EQ(reader->acked(), 0U);
  EXPECT_TRUE(reader->Ack(1));
  EXPECT_TRUE(reader->Ack(0)) << "lies behind";
  EXPECT_EQ(reader->acked(), 2U);
}

TEST_P(ConsumersTest, ManyAcknowledgementsAreOneTransaction) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 50);
  std::vector<Reader> readers;
  for (const auto* name : {"one", "two", "three"}) {
    readers.push_back(Attach(topic.id, name, {.create_if_absent = kFromStart}));
    EXPECT_EQ(ReadAll(*readers.back()), Range(0, 50));
  }
  const auto transactions = [&] { return node_.catalog->backend().stats().transactions; };
  const uint64_t before = transactions();
  for (const auto& reader : readers) {
    for (uint64_t offset = 0; offset < 40; ++offset) ASSERT_TRUE(reader->Ack(offset));
  }
  EXPECT_EQ(transactions(), before);
  node_.attachments().Write();
  EXPECT_EQ(transactions(), before + 1);
  for (const auto* name : {"one", "two", "three"}) EXPECT_EQ(PositionOf(topic.id, name), 40U);
  node_.attachments().Write();
  EXPECT_EQ(transactions(), before + 1) << "there is nothing to say";
}

TEST_P(ConsumersTest, WhoWaitsIsWokenWhenHisAcknowledgementsAreWritten) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 2);
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .follow = false});
  EXPECT_EQ(NextOffsets(*reader, 1), Range(0, 1));
  Event ready;
  ASSERT_TRUE(reader->Ack(0));
  reader->OnFlushed([&] { ready.Set(); });
  EXPECT_FALSE(ready.IsSet()) << "there is an event, and that is not what was asked";
  node_.attachments().Write();
  EXPECT_TRUE(ready.Wait());
  EXPECT_EQ(reader->flushed(), 1U);

  EXPECT_EQ(NextOffsets(*reader, 1), Range(1, 2));
  const auto follower = Attach(topic.id, "follower", {.create_if_absent = kFromStart});
  EXPECT_EQ(ReadAll(*follower), Range(0, 2));
  Event flushed;
  follower->OnReady([&] { flushed.Set(); });
  ASSERT_TRUE(follower->Ack(1));
  node_.attachments().Write();
  EXPECT_TRUE(flushed.Wait()) << "there is no event, and that is not all it is for";
  EXPECT_EQ(follower->flushed(), 2U);
}

TEST_P(ConsumersTest, WhatThePredicateLeavesOutNeedsNoAcknowledgement) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 40);
  const auto reader =
      Attach(topic.id, "rare", {.create_if_absent = {{.predicate = "id = 20", .from = From::Offset(0)}}});
  EXPECT_EQ(NextOf(*reader).offset, 20U);
  node_.attachments().Write();
  EXPECT_EQ(PositionOf(topic.id, "rare"), 20U);
  EXPECT_THAT(ReadAll(*reader), IsEmpty());
  node_.attachments().Write();
  EXPECT_EQ(PositionOf(topic.id, "rare"), 20U) << "20 is outstanding";
  ASSERT_TRUE(reader->Ack(20));
  EXPECT_EQ(reader->acked(), 40U);
  Publish(topic, 40, 45);
  EXPECT_THAT(ReadAll(*reader), IsEmpty());
  node_.attachments().Write();
  EXPECT_EQ(PositionOf(topic.id, "rare"), 45U);
  EXPECT_EQ(node_.Get(Scope::Global(), topic.id, "rare")->Lag(), 0U);
}

// The cursor is behind an event before its reader has it: whoever wrote the cursor's position here would skip
// it.
TEST_P(ConsumersTest, AnEventOnItsWayToTheReaderIsNotDoneWith) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 3);
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  int polls = 0;
  SetSyncPoint("Attachment::TryNext.polled", [&] {
    ++polls;
    EXPECT_TRUE(reader->Flush(Deadline::Now())) << "nothing is acknowledged";
    node_.attachments().Write();
    EXPECT_LE(PositionOf(topic.id, "indexer"), 0U);
  });
  EXPECT_EQ(NextOffsets(*reader, 3), Range(0, 3));
  EXPECT_GE(polls, 3);
  ClearSyncPoints();
}

// --- Leases.

TEST_P(ConsumersTest, ASecondReaderIsRefusedByName) {
  const Topic topic = Register("quakes");
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .holder = "one"});
  EXPECT_TRUE(reader->lease().live);
  EXPECT_EQ(reader->lease().token.holder, "one");
  const auto refused = node_.Attach(Scope::Global(), topic.id, "indexer");
  ASSERT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<LeaseHeldDetail>(), nullptr) << refused.error().ToString();
  EXPECT_EQ(refused.error().As<LeaseHeldDetail>()->holder, "one");
  EXPECT_NE(node_.Reset(Scope::Global(), topic.id, "indexer", From::Offset(0)).error().As<LeaseHeldDetail>(),
            nullptr);
  EXPECT_NE(node_.Delete(Scope::Global(), topic.id, "indexer").error().As<LeaseHeldDetail>(), nullptr);
  reader->Close();
  EXPECT_FALSE(reader->lease().live);
  EXPECT_NE(Attach(topic.id, "indexer"), nullptr) << "it was given back";
}

TEST_P(ConsumersTest, ReadersWithoutANameAreNotTakenForOneAnother) {
  const Topic topic = Register("quakes");
  const auto one = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  EXPECT_NE(node_.Attach(Scope::Global(), topic.id, "indexer").error().As<LeaseHeldDetail>(), nullptr);
  EXPECT_TRUE(one->lease().live);
}

// As after a crash: nobody waits for the lease to expire.
TEST_P(ConsumersTest, TheHolderOfThatNameGetsItAtOnce) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 3);
  const auto one = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .holder = "pod-7"});
  EXPECT_EQ(NextOf(*one).offset, 0U);
  ASSERT_TRUE(one->Ack(0));  // and it dies before this is written
  const auto two = Attach(topic.id, "indexer", {.holder = "pod-7"});
  EXPECT_EQ(NextOf(*two).offset, 0U);
  EXPECT_EQ(LostTo(one->Next(Soon())), two->lease().token.epoch);
}

TEST_P(ConsumersTest, ATakeoverEndsAReaderOfThisProcessAtOnceAndForGood) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 3);
  const auto one = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  EXPECT_EQ(ReadAll(*one), Range(0, 3));
  ASSERT_TRUE(one->Ack(1));
  Result<std::optional<Delivery>> last = std::optional<Delivery>();
  std::jthread parked([&] { last = one->Next(Soon()); });
  const auto two = Attach(topic.id, "indexer", {.on_leased = OnLeased::kTakeOver});
  parked.join();
  EXPECT_EQ(LostTo(last), two->lease().token.epoch);
  EXPECT_EQ(LostTo(one->Ack(2)), two->lease().token.epoch);
  EXPECT_EQ(LostTo(one->Flush(Soon())), two->lease().token.epoch);
  EXPECT_FALSE(one->lease().live);
  one->Close();
  node_.attachments().Write();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 0U);
  EXPECT_EQ(ReadAll(*two), Range(0, 3));
  ASSERT_TRUE(two->Ack(2));
  two->Close();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 3U);
}

TEST_P(ConsumersTest, ALeaseThatIsRenewedLivesOn) {
  const Topic topic = Register("quakes");
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .lease = kLease});
  for (int i = 0; i < 10; ++i) {
    MoveTime(kLease / 2);
    node_.attachments().keeper().Renew();
    EXPECT_TRUE(reader->lease().live);
    EXPECT_EQ(reader->lease().expires_at, node_.Get(Scope::Global(), topic.id, "indexer")->lease->expires_at);
  }
  Publish(topic, 0, 1);
  EXPECT_EQ(NextOf(*reader).offset, 0U);
  EXPECT_TRUE(reader->Ack(0));
}

// As after SIGSTOP: the clock is asked before anything else.
TEST_P(ConsumersTest, AReaderWhoseLeaseHasExpiredEndsAndMovesNothing) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 3);
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .lease = kLease});
  EXPECT_EQ(NextOf(*reader).offset, 0U);
  ASSERT_TRUE(reader->Ack(0));
  const int64_t epoch = reader->lease().token.epoch;
  MoveTime(kLease);
  EXPECT_EQ(LostTo(reader->Ack(0)), epoch);
  EXPECT_EQ(LostTo(reader->Next(Soon())), epoch);
  EXPECT_EQ(LostTo(reader->TryNext()), epoch);
  node_.attachments().Write();
  reader->Close();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 0U);
  EXPECT_EQ(NextOf(*Attach(topic.id, "indexer")).offset, 0U);
}

TEST_P(ConsumersTest, WhoWaitsIsToldThatHisLeaseHasExpired) {
  const Topic topic = Register("quakes");
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .lease = kLease});
  Event called;
  reader->OnReady([&] { called.Set(); });
  MoveTime(kLease);
  node_.attachments().keeper().Watch();
  EXPECT_TRUE(called.Wait());
  EXPECT_NE(LostTo(reader->TryNext()), std::nullopt);
}

// Another process has taken over: this one hears of it by its renewal, or by its write, and moves nothing.
TEST_P(ConsumersTest, ATakeoverByAnotherProcessIsHeardOf) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 3);
  for (const bool by_renewal : {true, false}) {
    const std::string name = by_renewal ? "renews" : "writes";
    const auto reader = Attach(topic.id, name, {.create_if_absent = kFromStart, .lease = kLease});
    EXPECT_EQ(ReadAll(*reader), Range(0, 3));
    ASSERT_TRUE(reader->Ack(2));
    Sql("UPDATE consumers SET lease_epoch = lease_epoch + 1, lease_holder = 'other' WHERE name = $1", {name});
    const int64_t epoch = reader->lease().token.epoch + 1;
    Event called;
    reader->OnReady([&] { called.Set(); });
    if (by_renewal) {
      MoveTime(kLease / 2);
      node_.attachments().keeper().Renew();
    } else {
      node_.attachments().Write();
    }
    EXPECT_TRUE(called.Wait());
    EXPECT_EQ(LostTo(reader->TryNext()), epoch);
    EXPECT_EQ(LostTo(reader->Ack(2)), epoch);
    reader->Close();
    EXPECT_EQ(PositionOf(topic.id, name), 0U);
    EXPECT_EQ(node_.Get(Scope::Global(), topic.id, name)->lease->token.holder, "other");
  }
}

// --- Reset, delete, drop, eviction, restore.

TEST_P(ConsumersTest, AResetMovesItAndEndsItsReader) {
  const Topic topic = Register("quakes");
  const Topic other = Register("floods");
  Publish(topic, 0, 3);
  MoveTime(seconds(10));
  Publish(topic, 3, 6);
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  UnixMicros third_at = 0;
  for (uint64_t i = 0; i < 6; ++i) {
    const Delivery delivery = NextOf(*reader);
    if (i == 3) third_at = delivery.produced_at;
  }
  ASSERT_TRUE(reader->Ack(5));
  const auto reset = [&](const From& to) {
    const auto moved = node_.Reset(Scope::Global(), topic.id, "indexer", to, OnLeased::kTakeOver);
    EXPECT_TRUE(moved) << moved.error().ToString();
    return moved ? moved->position.offset : UINT64_MAX;
  };
  EXPECT_EQ(reset(From::Offset(1)), 1U);
  EXPECT_EQ(LostTo(reader->Next(Soon())), reader->lease().token.epoch);
  reader->Close();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 1U);
  EXPECT_EQ(reset(From::Newest()), 6U);
  EXPECT_EQ(reset(From::Time(third_at)), 3U);
  ASSERT_TRUE(node_.Create(Scope::Global(), topic.id, "copy", {.from = From::Offset(2)}));
  EXPECT_EQ(reset(From::Position(node_.Get(Scope::Global(), topic.id, "copy")->position)), 2U);
  EXPECT_EQ(CodeOf(node_.Reset(Scope::Global(), topic.id, "indexer", From::Offset(7))),
            ErrorCode::kFailedPrecondition);
  const Position wrong = Attach(other.id, "x", {.create_if_absent = kFromStart})->bookmark();
  EXPECT_EQ(CodeOf(node_.Reset(Scope::Global(), topic.id, "indexer", From::Position(wrong))),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(NextOf(*Attach(topic.id, "indexer")).offset, 2U);
}

TEST_P(ConsumersTest, ADeletedConsumerEndsItsReader) {
  const Topic topic = Register("quakes");
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  ASSERT_TRUE(node_.Delete(Scope::Global(), topic.id, "indexer", OnLeased::kTakeOver));
  EXPECT_EQ(LostTo(reader->Next(Soon())), 0);
  reader->Close();
  // Its successor of the name is another.
  MoveTime(milliseconds(1));
  const auto next = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  EXPECT_TRUE(next->lease().live);
}

TEST_P(ConsumersTest, WithItsTopicItEndsBehindWhatIsThere) {
  const Topic topic = Register("quakes");
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .lease = kLease});
  Publish(topic, 0, 3);
  EXPECT_EQ(NextOf(*reader).offset, 0U);
  ASSERT_TRUE(reader->Ack(0));
  ASSERT_TRUE(node_.streams->DropTopic(Scope::Global(), topic.id));
  node_.attachments().Write();  // hears that the consumer is gone, and why
  EXPECT_EQ(Offsets(Drain(*reader)), Range(1, 3));
  EXPECT_EQ(LostTo(reader->Ack(1)), 0);
}

TEST_P(ConsumersTest, WhatIsGoneIsNamedAndAResetHelps) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  ASSERT_TRUE(node_.Create(Scope::Global(), topic.id, "late"));
  Sql("UPDATE topic_heads SET low_water = 4 WHERE next_offset = 6");
  const auto evicted = node_.Attach(Scope::Global(), topic.id, "late");
  ASSERT_EQ(CodeOf(evicted), ErrorCode::kFailedPrecondition);
  ASSERT_NE(evicted.error().As<OffsetEvictedDetail>(), nullptr) << evicted.error().ToString();
  EXPECT_EQ(evicted.error().As<OffsetEvictedDetail>()->low_water, 4U);
  const auto consumer = node_.Get(Scope::Global(), topic.id, "late");
  EXPECT_EQ(consumer->lease, std::nullopt) << "the lease was given back";
  EXPECT_EQ(consumer->low_water, 4U);
  EXPECT_NE(node_.Reset(Scope::Global(), topic.id, "late", From::Offset(3)).error().As<OffsetEvictedDetail>(),
            nullptr);
  ASSERT_TRUE(node_.Reset(Scope::Global(), topic.id, "late", From::Offset(consumer->low_water)));
  EXPECT_EQ(ReadAll(*Attach(topic.id, "late")), Range(4, 6));
}

TEST_P(ConsumersTest, AfterARestoreItMustBeReset) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  ASSERT_TRUE(node_.Create(Scope::Global(), topic.id, "indexer", {.from = From::Offset(4)}));
  const Position before = node_.Get(Scope::Global(), topic.id, "indexer")->position;
  Sql("UPDATE catalog_identity SET incarnation = $1", {Uuid::RandomV4().ToString()});
  Reopen();
  const auto refused = node_.Attach(Scope::Global(), topic.id, "indexer");
  ASSERT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<PositionOutdatedDetail>(), nullptr) << refused.error().ToString();
  EXPECT_TRUE(node_.Get(Scope::Global(), topic.id, "indexer")->needs_reset);
  EXPECT_EQ(node_.Get(Scope::Global(), topic.id, "indexer")->position, before);
  const auto same = node_.Reset(Scope::Global(), topic.id, "indexer", From::Position(before));
  EXPECT_NE(same.error().As<PositionOutdatedDetail>(), nullptr);
  ASSERT_TRUE(node_.Reset(Scope::Global(), topic.id, "indexer", From::Offset(before.offset)));
  EXPECT_EQ(ReadAll(*Attach(topic.id, "indexer")), Range(4, 6));
}

// --- Failures, ends.

TEST_P(ConsumersTest, AFailedWriteIsRepeatedAndLosesNoLaterAcknowledgement) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  EXPECT_EQ(ReadAll(*reader), Range(0, 6));
  ASSERT_TRUE(reader->Ack(1));
  for (const ErrorCode code :
       {ErrorCode::kUnavailable, ErrorCode::kResourceExhausted, ErrorCode::kOutcomeUnknown}) {
    node_.catalog->set_failure(Error(code, "disk on fire"));
    node_.attachments().Write();
    const auto flushed = reader->Flush(Deadline::Now());
    ASSERT_EQ(CodeOf(flushed), ErrorCode::kDeadlineExceeded);
    EXPECT_THAT(flushed.error().message(), HasSubstr("disk on fire"));
  }
  ASSERT_TRUE(reader->Ack(3));
  node_.catalog->set_failure(std::nullopt);
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 0U);
  node_.attachments().Write();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 4U);
  EXPECT_TRUE(reader->Flush(Deadline::Now()));
}

TEST_P(ConsumersTest, CloseReturnsThoughTheCatalogFails) {
  Reopen(/*threads=*/true);
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto reader =
      Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .close_wait = milliseconds(20)});
  EXPECT_EQ(NextOffsets(*reader, 3), Range(0, 3));
  node_.catalog->set_failure(Error(ErrorCode::kUnavailable, "disk on fire"));
  ASSERT_TRUE(reader->Ack(2));
  reader->Close();
  EXPECT_EQ(CodeOf(reader->Ack(2)), ErrorCode::kCancelled);
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 0U);
  node_.catalog->set_failure(std::nullopt);
  const auto patience = Soon();
  while (node_.attachments().size() > 0 && !patience.Passed()) std::this_thread::yield();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 3U);
  EXPECT_EQ(node_.Get(Scope::Global(), topic.id, "indexer")->lease, std::nullopt);
}

TEST_P(ConsumersTest, AcknowledgementsReachTheCatalogByThemselves) {
  Reopen(/*threads=*/true);
  const Topic topic = Register("quakes");
  Publish(topic, 0, 6);
  const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
  EXPECT_EQ(ReadAll(*reader), Range(0, 6));
  ASSERT_TRUE(reader->Ack(3));
  const auto patience = Soon();
  while (reader->flushed() < 4 && !patience.Passed()) std::this_thread::yield();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 4U);
  ASSERT_TRUE(reader->Ack(5));
  const auto flushed = reader->Flush(Soon());
  EXPECT_TRUE(flushed) << flushed.error().ToString();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 6U);
}

TEST_P(ConsumersTest, CloseFromInsideTheCallbackDoesNotWait) {
  Reopen(/*threads=*/true);
  const Topic topic = Register("quakes");
  auto reader =
      Attach(topic.id, "indexer", {.create_if_absent = kFromStart, .close_wait = std::chrono::hours(1)});
  Event closed;
  reader->OnReady([&] {
    const auto polled = reader->TryNext();
    if (!polled || !std::holds_alternative<Delivery>(*polled)) return;
    EXPECT_TRUE(reader->Ack(std::get<Delivery>(*polled).offset));
    node_.catalog->set_failure(Error(ErrorCode::kUnavailable, "not yet"));
    reader->Close();
    closed.Set();
  });
  Publish(topic, 0, 1);
  EXPECT_TRUE(closed.Wait());
  node_.catalog->set_failure(std::nullopt);
  const auto patience = Soon();
  while (node_.attachments().size() > 0 && !patience.Passed()) std::this_thread::yield();
  EXPECT_EQ(PositionOf(topic.id, "indexer"), 1U);
}

TEST_P(ConsumersTest, TheEndOfTheEngineWritesAndGivesBack) {
  for (const bool threads : {false, true}) {
    Reopen(threads);
    const std::string name = threads ? "with" : "without";
    const Topic topic = Register(name);
    Publish(topic, 0, 6);
    const auto reader = Attach(topic.id, "indexer", {.create_if_absent = kFromStart});
    const auto idle = Attach(topic.id, "idle", {.create_if_absent = kFromStart});
    EXPECT_EQ(NextOffsets(*reader, 5), Range(0, 5));
    ASSERT_TRUE(reader->Ack(3));
    node_.Close();
    EXPECT_EQ(Offsets(Drain(*reader)), Range(5, 6)) << "what was buffered, and the end";
    EXPECT_EQ(CodeOf(reader->Ack(4)), ErrorCode::kUnavailable);
    reader->Close();
    Open(node_, threads);
    EXPECT_EQ(PositionOf(name, "indexer"), 4U);
    EXPECT_EQ(node_.Get(Scope::Global(), name, "indexer")->lease, std::nullopt);
    EXPECT_EQ(node_.Get(Scope::Global(), name, "idle")->lease, std::nullopt);
  }
}

TEST_P(ConsumersTest, AFiniteReplayEnds) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 4);
  const auto reader = Attach(topic.id, "batch", {.create_if_absent = kFromStart, .follow = false});
  Publish(topic, 4, 6);
  EXPECT_EQ(Offsets(Drain(*reader)), Range(0, 4));
  EXPECT_TRUE(reader->Ack(3));
}

// --- Tenants.

TEST_P(ConsumersTest, AConsumerIsItsScopesAloneAlsoOnAGlobalTopic) {
  const Topic topic = Register("quakes");
  Publish(topic, 0, 1);
  Publish(topic, 1, 2, a_);
  Publish(topic, 2, 3, b_);
  const auto of_a = Attach(node_, a_, "quakes", "indexer", {.create_if_absent = kFromStart, .holder = "x"});
  for (const Scope& scope : {b_, Scope::Global()}) {
    EXPECT_EQ(CodeOf(node_.Get(scope, topic.id, "indexer")), ErrorCode::kNotFound);
    EXPECT_THAT(node_.List(scope, topic.id)->items, IsEmpty());
    EXPECT_EQ(
        CodeOf(node_.Attach(scope, topic.id, "indexer", {.on_leased = OnLeased::kTakeOver, .holder = "x"})),
        ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(node_.Reset(scope, topic.id, "indexer", From::Offset(3), OnLeased::kTakeOver)),
              ErrorCode::kNotFound);
    EXPECT_EQ(CodeOf(node_.Delete(scope, topic.id, "indexer", OnLeased::kTakeOver)), ErrorCode::kNotFound);
  }
  // One of the same name is another's, and harms nobody.
  const auto of_b = Attach(node_, b_, topic.id, "indexer", {.create_if_absent = kFromStart, .holder = "x"});
  EXPECT_THAT(ReadAll(*of_a), ElementsAre(0, 1));
  EXPECT_THAT(ReadAll(*of_b), ElementsAre(0, 2));
  ASSERT_TRUE(of_a->Ack(1));
  node_.attachments().Write();
  EXPECT_EQ(PositionOf(topic.id, "indexer", a_), 3U) << "b's event is left out";
  EXPECT_EQ(PositionOf(topic.id, "indexer", b_), 0U);
  ASSERT_TRUE(node_.Delete(b_, topic.id, "indexer", OnLeased::kTakeOver));
  EXPECT_TRUE(of_a->lease().live);

  const Topic mine = Register("mine", a_);
  EXPECT_NE(
      node_.Attach(b_, mine.id, "spy", {.create_if_absent = kFromStart}).error().As<TopicNotFoundDetail>(),
      nullptr);
}

}  // namespace
}  // namespace jammi
