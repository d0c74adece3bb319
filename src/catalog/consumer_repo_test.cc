// Named consumers: positions that never fall, leases that fence, topics that take their consumers along.
#include "catalog/consumer_repo.h"

#include <fmt/format.h>

#include <barrier>
#include <thread>

#include "catalog/changes.h"
#include "catalog/consumer_fixture.h"
#include "catalog/query_plan.h"

namespace jammi::test {
namespace {

using std::chrono::microseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using OnLeased = ConsumerRepo::OnLeased;

JAMMI_ON_EVERY_DATABASE(ConsumersTest);

// --- What is stored.

TEST_P(ConsumersTest, AConsumerIsReadBackAsItWasMade) {
  const int64_t topic = MakeTopic(kA, "quakes", 5);
  const UnixMicros before = Now();
  const StoredConsumer made =
      Ok(As(kA).Create({.topic_no = topic, .name = "alerts", .predicate = "mag >= 5.0", .start = 2}));
  EXPECT_EQ(made.topic, Ok(TopicRepo(backend()).FindByName(kA, "quakes")).id);
  EXPECT_EQ(made.owner, kA);
  EXPECT_EQ(made.predicate, "mag >= 5.0");
  EXPECT_EQ(made.start, 2U);
  EXPECT_EQ(made.position, 2U);
  EXPECT_EQ(made.head, 5U);
  EXPECT_EQ(made.Lag(), 3U);
  EXPECT_EQ(made.incarnation, catalog_->incarnation());
  EXPECT_FALSE(made.needs_reset);
  EXPECT_EQ(made.lease, std::nullopt);
  EXPECT_GE(made.created_at, before);
  EXPECT_EQ(Ok(As(kA).Get({topic, "alerts"})), made);
  Publish(topic, 2);
  Reopen();
  EXPECT_EQ(Ok(As(kA).Get({topic, "alerts"})).Lag(), 5U);
}

TEST_P(ConsumersTest, WithoutAStartItBeginsWithWhatComesNext) {
  const int64_t topic = MakeTopic(kA, "quakes", 5);
  EXPECT_EQ(Create(kA, topic, "new", std::nullopt).position, 5U);
  EXPECT_EQ(Create(kA, topic, "at the head", 5).position, 5U);
  const auto beyond = As(kA).Create({.topic_no = topic, .name = "beyond", .start = 6});
  ASSERT_EQ(CodeOf(beyond), ErrorCode::kFailedPrecondition);
  EXPECT_THAT(beyond.error().message(), HasSubstr("position 6 is beyond the topic's head, 5"));
}

TEST_P(ConsumersTest, ASecondOfTheNameIsRefused) {
  const int64_t topic = MakeTopic(kA, "quakes", 5);
  const StoredConsumer first = Create(kA, topic, "alerts", 1);
  EXPECT_EQ(CodeOf(As(kA).Create({.topic_no = topic, .name = "alerts", .start = 3})),
            ErrorCode::kAlreadyExists);
  EXPECT_EQ(Ok(As(kA).Get({topic, "alerts"})), first);
  Create(kA, MakeTopic(kA, "another"), "alerts");
}

TEST_P(ConsumersTest, ConsumersAreListedByNamePageByPage) {
  const int64_t topic = MakeTopic(kA, "quakes");
  for (const auto* name : {"c", "a", "B", "d", "b"}) Create(kA, topic, name);
  Create(kA, MakeTopic(kA, "another"), "x");
  for (const int page_size : {1, 2, 5, 1000}) {
    EXPECT_THAT(Names(kA, topic, page_size), ElementsAre("B", "a", "b", "c", "d"));
  }
  EXPECT_EQ(CodeOf(As(kA).List(topic, 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).List(topic, 1001)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).List(topic, 1, "none of ours")), ErrorCode::kInvalidArgument);
}

TEST_P(ConsumersTest, TheConsumersOfADroppedTopicGoWithIt) {
  const int64_t topic = MakeTopic(kA, "quakes", 3);
  const int64_t other = MakeTopic(kA, "another");
  Create(kA, topic, "alerts");
  Create(kA, other, "alerts");
  const LeaseToken token = Attach(kA, {topic, "alerts"}, "worker");
  Drop(kA, "quakes");
  EXPECT_EQ(CodeOf(As(kA).Get({topic, "alerts"})), ErrorCode::kNotFound);
  EXPECT_THAT(Names(kA, topic), IsEmpty());
  EXPECT_EQ(CodeOf(As(kA).Attach({topic, "alerts"}, "worker", kLease)), ErrorCode::kNotFound);
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack({topic, "alerts"}, token, 1), token.epoch, 0));
  EXPECT_EQ(CodeOf(As(kA).Reset({topic, "alerts"}, 0)), ErrorCode::kNotFound);
  const auto refused = As(kA).Create({.topic_no = topic, .name = "late"});
  ASSERT_EQ(CodeOf(refused), ErrorCode::kNotFound);
  EXPECT_NE(refused.error().As<TopicNotFoundDetail>(), nullptr);
  EXPECT_THAT(Names(kA, other), ElementsAre("alerts"));
  // A new topic of the name has none of them.
  EXPECT_THAT(Names(kA, MakeTopic(kA, "quakes")), IsEmpty());
}

TEST_P(ConsumersTest, TheLifeOfAConsumerIsRecordedAsChanges) {
  const int64_t topic = MakeTopic(kA, "quakes", 3);
  const auto changes = [&] { return Ok(catalog_->log().ReadHead(kChangesTopicNo)).next_offset; };
  const uint64_t before = changes();
  Create(kA, topic, "alerts");
  EXPECT_EQ(changes(), before + 1);
  const LeaseToken token = Attach(kA, {topic, "alerts"}, "worker");
  Ok(As(kA).Ack({topic, "alerts"}, token, 1));
  Ok(As(kA).Renew({topic, "alerts"}, token, kLease));
  Ok(As(kA).Detach({topic, "alerts"}, token));
  EXPECT_EQ(changes(), before + 1);  // work is no change
  Ok(As(kA).Reset({topic, "alerts"}, 3));
  EXPECT_EQ(changes(), before + 2);
  Ok(As(kA).Delete({topic, "alerts"}));
  EXPECT_EQ(changes(), before + 3);
}

// --- Positions.

TEST_P(ConsumersTest, APositionOnlyRises) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts", 2);
  const LeaseToken token = Attach(kA, key, "worker");
  Ok(As(kA).Ack(key, token, 7));
  EXPECT_EQ(PositionOf(kA, key), 7U);
  for (const uint64_t behind : {7U, 3U, 0U}) {
    Ok(As(kA).Ack(key, token, behind));
    EXPECT_EQ(PositionOf(kA, key), 7U);
  }
  Ok(As(kA).Ack(key, token, 10));
  EXPECT_EQ(Ok(As(kA).Get(key)).Lag(), 0U);
  EXPECT_EQ(Ok(As(kA).Get(key)).start, 2U);
}

TEST_P(ConsumersTest, NobodyHasReadWhatIsNotThere) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken token = Attach(kA, key, "worker");
  EXPECT_EQ(CodeOf(As(kA).Ack(key, token, 11)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(As(kA).Ack(key, token, (uint64_t{1} << 40) - 1)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(As(kA).Ack(key, token, uint64_t{1} << 40)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).Ack(key, token, UINT64_MAX)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(PositionOf(kA, key), 0U);
}

TEST_P(ConsumersTest, AResetMovesItEitherWayAndEndsTheLease) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts", 5);
  EXPECT_EQ(Ok(As(kA).Reset(key, 1)).position, 1U);
  EXPECT_EQ(Ok(As(kA).Reset(key, 10)).position, 10U);
  EXPECT_EQ(CodeOf(As(kA).Reset(key, 11)), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(As(kA).Reset(key, uint64_t{1} << 40)), ErrorCode::kInvalidArgument);

  const LeaseToken token = Attach(kA, key, "worker");
  EXPECT_EQ(HolderNamedBy(As(kA).Reset(key, 0)), "worker");
  EXPECT_EQ(PositionOf(kA, key), 10U);
  const StoredConsumer reset = Ok(As(kA).Reset(key, 0, OnLeased::kTakeOver));
  EXPECT_EQ(reset.position, 0U);
  EXPECT_EQ(reset.lease, std::nullopt);
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, token, 9), token.epoch, token.epoch));
  EXPECT_EQ(PositionOf(kA, key), 0U);
}

// An opened backup: the same offset may be another event.
TEST_P(ConsumersTest, APositionOfAnotherIncarnationMustBeReset) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts", 5);
  const LeaseToken token = Attach(kA, key, "worker");
  const std::string old = catalog_->incarnation();
  Sql("UPDATE catalog_identity SET incarnation = $1", {Uuid::RandomV4().ToString()});
  Reopen();  // connections of an engine are of one incarnation

  const auto refused = As(kA).Attach(key, "worker", kLease);
  ASSERT_TRUE(IsOutdated(refused));
  EXPECT_EQ(refused.error().As<PositionOutdatedDetail>()->incarnation, old);
  EXPECT_TRUE(IsOutdated(As(kA).Ack(key, token, 6)));
  EXPECT_TRUE(Ok(As(kA).Get(key)).needs_reset);
  EXPECT_EQ(PositionOf(kA, key), 5U);

  EXPECT_FALSE(Ok(As(kA).Reset(key, 4, OnLeased::kTakeOver)).needs_reset);
  Ok(As(kA).Ack(key, Attach(kA, key, "worker"), 6));
  EXPECT_EQ(PositionOf(kA, key), 6U);
}

// --- Leases.

TEST_P(ConsumersTest, ASecondCannotAttachWhileTheLeaseLives) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const StoredConsumer attached = Ok(As(kA).Attach(key, "one", kLease));
  EXPECT_EQ(attached.lease->token, (LeaseToken{"one", attached.created_at + 1}));
  EXPECT_TRUE(attached.lease->live);
  EXPECT_GE(attached.lease->expires_at, Now());

  const auto refused = As(kA).Attach(key, "two", kLease);
  ASSERT_EQ(HolderNamedBy(refused), "one");
  EXPECT_EQ(refused.error().code(), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(refused.error().As<LeaseHeldDetail>()->expires_at, attached.lease->expires_at);
  EXPECT_EQ(HolderNamedBy(As(kA).Delete(key)), "one");
  Ok(As(kA).Ack(key, attached.lease->token, 1));

  MoveClock(kLease);
  EXPECT_FALSE(Ok(As(kA).Get(key)).lease->live);
  const int64_t epoch = attached.lease->token.epoch;
  EXPECT_EQ(Attach(kA, key, "two"), (LeaseToken{"two", epoch + 1}));
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, attached.lease->token, 2), epoch, epoch + 1));
  EXPECT_EQ(PositionOf(kA, key), 1U);
}

TEST_P(ConsumersTest, ATakeoverFencesTheOneBefore) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken one = Attach(kA, key, "one");
  const LeaseToken two = Attach(kA, key, "two", OnLeased::kTakeOver);
  EXPECT_EQ(two.epoch, one.epoch + 1);
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, one, 5), one.epoch, two.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Renew(key, one, kLease), one.epoch, two.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Detach(key, one), one.epoch, two.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, {"one", two.epoch}, 5), two.epoch, two.epoch));
  Ok(As(kA).Ack(key, two, 4));
  EXPECT_EQ(PositionOf(kA, key), 4U);
}

// 9.6 (f): the name is the same, the epoch is not.
TEST_P(ConsumersTest, Case96fAHolderOfThePastIsFencedByHisSuccessorOfTheSameName) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken before = Attach(kA, key, "worker");
  const LeaseToken after = Attach(kA, key, "worker");
  EXPECT_EQ(after, (LeaseToken{"worker", before.epoch + 1}));
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, before, 5), before.epoch, after.epoch));
  Ok(As(kA).Ack(key, after, 5));
}

// The same where the consumer was deleted meanwhile and made again.
TEST_P(ConsumersTest, Case96fAHolderOfADeletedConsumerIsNoneOfItsSuccessor) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken before = Attach(kA, key, "worker");
  Ok(As(kA).Delete(key, OnLeased::kTakeOver));
  MoveClock(microseconds(1));
  Create(kA, topic, "alerts");
  const LeaseToken after = Attach(kA, key, "worker");
  EXPECT_GT(after.epoch, before.epoch);
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, before, 5), before.epoch, after.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Renew(key, before, kLease), before.epoch, after.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Detach(key, before), before.epoch, after.epoch));
  Ok(As(kA).Ack(key, after, 4));
  EXPECT_EQ(PositionOf(kA, key), 4U);
}

TEST_P(ConsumersTest, ARenewedLeaseLivesOn) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken token = Attach(kA, key, "worker");
  for (int i = 0; i < 3; ++i) {
    MoveClock(kLease / 2);
    EXPECT_GE(Ok(As(kA).Renew(key, token, kLease)), Now() + std::chrono::microseconds(kLease / 2).count());
  }
  Ok(As(kA).Ack(key, token, 1));
  MoveClock(kLease);  // expired: nothing is done under it any more
  EXPECT_TRUE(IsLeaseLost(As(kA).Renew(key, token, kLease), token.epoch, token.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, token, 2), token.epoch, token.epoch));
  EXPECT_EQ(PositionOf(kA, key), 1U);
}

TEST_P(ConsumersTest, ALeaseThatIsGivenBackIsFree) {
  const int64_t topic = MakeTopic(kA, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken token = Attach(kA, key, "one");
  Ok(As(kA).Detach(key, token));
  EXPECT_TRUE(IsLeaseLost(As(kA).Detach(key, token), token.epoch, token.epoch));
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, token, 1), token.epoch, token.epoch));
  EXPECT_EQ(Attach(kA, key, "two").epoch, token.epoch + 1);
  Reopen();
  EXPECT_EQ(HolderNamedBy(As(kA).Attach(key, "three", kLease)), "two");
}

TEST_P(ConsumersTest, OneOfTwoWhoAttachAtOnceWins) {
  const int64_t topic = MakeTopic(kA, "quakes");
  for (int round = 0; round < 20; ++round) {
    const std::string name = fmt::format("consumer-{}", round);
    const ConsumerKey key{topic, name};
    const auto created_at = Create(kA, topic, name).created_at;
    std::barrier start(4);
    std::atomic<int> winners = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
          start.arrive_and_wait();
          const auto attached = As(kA).Attach(key, fmt::format("worker-{}", i), kLease);
          if (attached) ++winners;
          EXPECT_TRUE(attached || HolderNamedBy(attached).starts_with("worker-"));
        });
      }
    }
    EXPECT_EQ(winners, 1);
    EXPECT_EQ(Ok(As(kA).Get(key)).lease->token.epoch, created_at + 1);
  }
}

// Acknowledgements of one cursor, in whatever order they arrive.
TEST_P(ConsumersTest, AcknowledgementsAtOnceLeaveTheHighest) {
  const int64_t topic = MakeTopic(kA, "quakes", 40);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts");
  const LeaseToken token = Attach(kA, key, "worker");
  {
    std::vector<std::jthread> threads;
    for (uint64_t thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        for (uint64_t i = 0; i < 10; ++i) {
          EXPECT_EQ(CodeOf(As(kA).Ack(key, token, 4 * i + thread + 1)), std::nullopt);
        }
      });
    }
  }
  EXPECT_EQ(PositionOf(kA, key), 40U);
}

// --- Many at once.

TEST_P(ConsumersTest, ManySettleInOneTransaction) {
  const int64_t topic = MakeTopic(kGlobal, "quakes", 10);
  const int64_t other = MakeTopic(kA, "floods", 10);
  Create(kA, topic, "one");
  Create(kB, topic, "one");
  Create(kA, other, "one");
  const LeaseToken a = Attach(kA, {topic, "one"}, "worker");
  const LeaseToken b = Attach(kB, {topic, "one"}, "worker");
  const LeaseToken of_other = Attach(kA, {other, "one"}, "worker");
  const uint64_t before = backend().stats().transactions;
  const auto outcomes = Ok(SettleConsumers(
      backend(),
      std::vector<ConsumerSettlement>{
          {.scope = kA, .topic_no = other, .name = "one", .token = of_other, .position = 3, .release = true},
          {.scope = kB, .topic_no = topic, .name = "one", .token = b, .release = true},
          {.scope = kA, .topic_no = topic, .name = "one", .token = a, .position = 5}},
      {}));
  EXPECT_EQ(backend().stats().transactions, before + 1);
  for (const auto& outcome : outcomes) EXPECT_TRUE(outcome) << outcome.error().ToString();
  EXPECT_EQ(PositionOf(kA, {other, "one"}), 3U);
  EXPECT_EQ(Ok(As(kA).Get({other, "one"})).lease, std::nullopt);
  EXPECT_EQ(PositionOf(kB, {topic, "one"}), 0U);
  EXPECT_EQ(Ok(As(kB).Get({topic, "one"})).lease, std::nullopt);
  EXPECT_EQ(PositionOf(kA, {topic, "one"}), 5U);
  EXPECT_TRUE(Ok(As(kA).Get({topic, "one"})).lease->live);
}

TEST_P(ConsumersTest, OneWhoIsRefusedHarmsNobodyWhoSettlesWithHim) {
  const int64_t topic = MakeTopic(kGlobal, "quakes", 10);
  for (const auto* name : {"beyond", "fenced", "fine"}) Create(kA, topic, name);
  const LeaseToken fenced = Attach(kA, {topic, "fenced"}, "worker");
  const LeaseToken now = Attach(kA, {topic, "fenced"}, "another", OnLeased::kTakeOver);
  const LeaseToken fine = Attach(kA, {topic, "fine"}, "worker");
  const LeaseToken beyond = Attach(kA, {topic, "beyond"}, "worker");
  const auto one = [&](const Scope& scope, std::string name, const LeaseToken& token, uint64_t position) {
    return ConsumerSettlement{.scope = scope,
                              .topic_no = topic,
                              .name = std::move(name),
                              .token = token,
                              .position = position,
                              .release = true};
  };
  const std::vector<ConsumerSettlement> settlements = {
      one(kA, "fenced", fenced, 9), one(kA, "fine", fine, 4), one(kA, "beyond", beyond, 11),
      one(kB, "fine", fine, 9), one(kA, "fine", {"worker", 0}, 9)};
  const auto outcomes = Ok(SettleConsumers(backend(), settlements, {}));
  EXPECT_TRUE(IsLeaseLost(outcomes[0], fenced.epoch, now.epoch));
  EXPECT_TRUE(outcomes[1]) << outcomes[1].error().ToString();
  EXPECT_EQ(CodeOf(outcomes[2]), ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(IsLeaseLost(outcomes[3], fine.epoch, 0)) << "another scope has no such consumer";
  EXPECT_EQ(CodeOf(outcomes[4]), ErrorCode::kInvalidArgument);
  EXPECT_EQ(PositionOf(kA, {topic, "fenced"}), 0U);
  EXPECT_EQ(PositionOf(kA, {topic, "fine"}), 4U);
  EXPECT_EQ(PositionOf(kA, {topic, "beyond"}), 0U);
  EXPECT_EQ(Ok(As(kA).Get({topic, "fenced"})).lease->token, now);
  EXPECT_EQ(Ok(As(kA).Get({topic, "beyond"})).lease, std::nullopt) << "given back all the same";
  EXPECT_EQ(Ok(SettleConsumers(backend(), {}, {})).size(), 0U);
}

// --- Who sees and changes what.

TEST_P(ConsumersTest, AConsumerIsItsScopesAlone) {
  const int64_t topic = MakeTopic(kGlobal, "quakes", 10);
  const ConsumerKey key{topic, "alerts"};
  Create(kA, topic, "alerts", 1);
  Create(kGlobal, topic, "alerts", 2);
  Create(kA, topic, "mine", 1);
  const LeaseToken token = Attach(kA, key, "worker");

  EXPECT_EQ(CodeOf(As(kB).Get(key)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kB).Attach(key, "worker", kLease, OnLeased::kTakeOver)), ErrorCode::kNotFound);
  EXPECT_TRUE(IsLeaseLost(As(kB).Ack(key, token, 9), token.epoch, 0));
  EXPECT_TRUE(IsLeaseLost(As(kB).Renew(key, token, kLease), token.epoch, 0));
  EXPECT_TRUE(IsLeaseLost(As(kB).Detach(key, token), token.epoch, 0));
  EXPECT_EQ(CodeOf(As(kB).Reset(key, 9, OnLeased::kTakeOver)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kB).Delete(key, OnLeased::kTakeOver)), ErrorCode::kNotFound);
  EXPECT_THAT(Names(kB, topic), IsEmpty());
  EXPECT_THAT(Names(kA, topic), ElementsAre("alerts", "mine"));
  EXPECT_THAT(Names(kGlobal, topic), ElementsAre("alerts"));

  Ok(As(kA).Ack(key, token, 5));
  EXPECT_EQ(PositionOf(kA, key), 5U);
  EXPECT_EQ(PositionOf(kGlobal, key), 2U);
  Create(kB, topic, "alerts", 3);
  Ok(As(kB).Delete(key));
  EXPECT_EQ(PositionOf(kA, key), 5U);
}

TEST_P(ConsumersTest, NobodyConsumesATopicThatHeDoesNotSee) {
  const int64_t topic = MakeTopic(kA, "quakes", 3);
  for (const Scope& scope : {kB, kOutsider, kGlobal}) {
    const auto refused = As(scope).Create({.topic_no = topic, .name = "spy", .start = 0});
    ASSERT_EQ(CodeOf(refused), ErrorCode::kNotFound);
    EXPECT_NE(refused.error().As<TopicNotFoundDetail>(), nullptr);
  }
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM consumers"), 0);
}

// --- Work grows with what is asked, not with what is stored.

TEST_P(ConsumersTest, Wk25NoStatementScansOrSortsAmong100000Consumers) {
  Sql("INSERT INTO topics (topic_no, topic_id, name, schema, created_at) "
      "WITH RECURSIVE n(i) AS (SELECT 100001 UNION ALL SELECT i + 1 FROM n WHERE i < 101000) "
      "SELECT i, 'aaaaaaaa-0000-4000-8000-000000' || i, 'topic' || i, $1, 0 FROM n",
      {SqlBytes()});
  Sql("INSERT INTO topic_heads (topic_no) SELECT topic_no FROM topics WHERE topic_no BETWEEN 100001 AND "
      "101000");
  Sql("INSERT INTO consumers (topic_no, scope, name, start_position, acked_position, incarnation, "
      "created_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
      "SELECT 100001 + i % 1000, CASE WHEN i % 3 = 0 THEN '' ELSE $1 END, 'c' || i, 0, 0, $2, 0 FROM n",
      {kA.Key(), catalog_->incarnation()});
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  const auto of_one_row = [](const std::string& step) { return step.find("catalog_identity") != step.npos; };
  ExpectNoScanOrSort(backend(), ConsumerStatements(), of_one_row);
}

// --- Bad arguments.

TEST_P(ConsumersTest, BadArgumentsAreRefused) {
  const int64_t topic = MakeTopic(kA, "quakes", 3);
  Create(kA, topic, "alerts");
  const LeaseToken token = Attach(kA, {topic, "alerts"}, "worker");
  constexpr auto kBad = ErrorCode::kInvalidArgument;
  const std::string long_name(129, 'x');
  for (const ConsumerKey& key : {ConsumerKey{topic, ""},
                                 {topic, long_name},
                                 {topic, "\xff"},
                                 {0, "alerts"},
                                 {-1, "alerts"},
                                 {int64_t{1} << 23, "alerts"}}) {
    EXPECT_EQ(CodeOf(As(kA).Create({.topic_no = key.topic_no, .name = std::string(key.name)})), kBad);
    EXPECT_EQ(CodeOf(As(kA).Get(key)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Attach(key, "worker", kLease)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Ack(key, token, 1)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Renew(key, token, kLease)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Detach(key, token)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Reset(key, 1)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Delete(key)), kBad);
  }
  const ConsumerKey key{topic, "alerts"};
  EXPECT_EQ(CodeOf(As(kA).Create({.topic_no = topic, .name = "x", .predicate = std::string(65'537, 'x')})),
            kBad);
  EXPECT_EQ(CodeOf(As(kA).Create({.topic_no = topic, .name = "x", .start = uint64_t{1} << 40})), kBad);
  EXPECT_EQ(CodeOf(As(kA).List(0)), kBad);
  EXPECT_EQ(CodeOf(As(kA).Attach(key, "", kLease)), kBad);
  for (const microseconds lease : {microseconds(-1), microseconds(0), microseconds::max()}) {
    EXPECT_EQ(CodeOf(As(kA).Attach(key, "worker", lease)), kBad);
    EXPECT_EQ(CodeOf(As(kA).Renew(key, token, lease)), kBad);
  }
  EXPECT_EQ(CodeOf(As(kA).Ack(key, {"worker", 0}, 1)), kBad);
  EXPECT_EQ(CodeOf(As(kA).WithDeadline(Deadline::Now()).Ack(key, token, 1)), ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(PositionOf(kA, key), 0U);
}

TEST_P(ConsumersTest, UnknownConsumersAreNotFound) {
  const int64_t topic = MakeTopic(kA, "quakes", 3);
  const ConsumerKey key{topic, "nobody"};
  EXPECT_EQ(CodeOf(As(kA).Get(key)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kA).Attach(key, "worker", kLease)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kA).Reset(key, 1)), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(As(kA).Delete(key)), ErrorCode::kNotFound);
  EXPECT_TRUE(IsLeaseLost(As(kA).Ack(key, {"worker", 3}, 1), 3, 0));
}

TEST_P(ConsumersTest, Wk35TheDatabaseKeepsThePositionsInRange) {
  Create(kA, MakeTopic(kA, "quakes", 3), "alerts");
  for (const std::string change :
       {"acked_position = -1", "acked_position = 1099511627776", "lease_epoch = -1", "name = ''",
        "lease_holder = 'x'", "incarnation = ''"}) {
    const auto refused =
        backend().Transact({}, [&](Transaction& tx) { return tx.Execute("UPDATE consumers SET " + change); });
    ASSERT_FALSE(refused) << change;
    EXPECT_EQ(refused.error().As<BackendDetail>()->fault, BackendFault::kCheck) << change;
  }
}

}  // namespace
}  // namespace jammi::test
