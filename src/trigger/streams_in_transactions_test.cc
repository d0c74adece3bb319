// Publishing inside a catalog transaction of somebody's own, and the topics that the engine keeps for a
// scope.
#include <atomic>

#include "trigger/consumer_fixture.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kEngines = "jammi.tests.own";

class InTransactionsTest : public testing::TestWithParam<test::MakeHarness> {
 protected:
  using Batches = std::vector<std::shared_ptr<arrow::RecordBatch>>;

  InTransactionsTest() { SetLog(LogLevel::kError, LogFormat::kText); }
  ~InTransactionsTest() override {
    node_.Close();
    ClearSyncPoints();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }
  void SetUp() override { Open(node_); }

  void Open(Node& node, const QuotaLimits& limits = {}) {
    node.Close();
    auto catalog = harness_->Open();
    ASSERT_TRUE(catalog) << catalog.error().ToString();
    node.catalog = std::make_unique<FlakyCatalog>(std::move(*catalog));
    StreamsOptions options;
    options.attachments.threads = false;
    options.quotas.everybody = limits;
    options.quotas.sum_every = std::chrono::hours(1);  // sums are read when they are needed
    options.clock = clock_;
    auto streams = Streams::Open(*node.catalog, options, nullptr);
    ASSERT_TRUE(streams) << streams.error().ToString();
    node.streams = std::move(*streams);
  }

  Streams& streams() { return *node_.streams; }
  CatalogBackend& backend() { return node_.catalog->backend(); }
  Topic Register(const std::string& name, const Scope& scope) {
    auto topic = streams().RegisterTopic(scope, name, SchemaS());
    EXPECT_TRUE(topic) << topic.error().ToString();
    return *topic;
  }
  Result<PreparedAppend> Prepare(const Topic& topic, const Scope& scope, const Batches& batches,
                                 const PublishOptions& options = {}) {
    return streams().PrepareAppend(scope, topic.id, batches, options);
  }
  // A transaction that does no more than append, and fails at its end if that is asked for.
  Result<void> Transact(PreparedAppend& prepared, const std::optional<Error>& failure = {},
                        const std::function<void(const AppendOutcome&)>& done = {}) {
    auto outcome = backend().Transact({}, [&](Transaction& tx) -> Result<void> {
      prepared.AppendTo(tx, done);
      if (failure) return *failure;
      return {};
    });
    prepared.Settle(outcome);
    return outcome;
  }
  std::vector<int64_t> Published(const Topic& topic, const Scope& scope) {
    auto replay = streams().Subscribe(scope, topic.id, From::Offset(0), {.follow = false});
    EXPECT_TRUE(replay) << replay.error().ToString();
    return FirstIds(Drain(**replay));
  }
  int64_t BytesOf(const Topic& topic) {
    return static_cast<int64_t>(*streams().StatsOf(topic.owner, topic.id)->bytes);
  }

  const Scope a_ = Scope::ForTenant(Tenant(1));
  const Scope b_ = Scope::ForTenant(Tenant(2));
  const std::shared_ptr<ManualClock> clock_ = std::make_shared<ManualClock>(1'700'000'000'000'000);
  const std::unique_ptr<test::Harness> harness_ = GetParam()();
  Node node_;
};
JAMMI_ON_EVERY_DATABASE(InTransactionsTest);

template <class T>
std::optional<ErrorCode> CodeOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional(result.error().code());
}

// --- PrepareAppend ---------------------------------------------------------------------------------------

TEST_P(InTransactionsTest, TheEventsAreThereWithTheRestAndReachSubscribers) {
  const Topic topic = Register("t", a_);
  const auto live = streams().Subscribe(a_, topic.id, From::Newest());
  JAMMI_OK(live);
  auto prepared = Prepare(topic, a_, {BatchS(1), BatchS(2, "X", 3)});
  JAMMI_OK(prepared);
  EXPECT_EQ(prepared->request().events.size(), 2U);
  std::optional<AppendOutcome> told;
  JAMMI_OK(Transact(*prepared, {}, [&](const AppendOutcome& outcome) { told = outcome; }));
  ASSERT_TRUE(told);
  EXPECT_EQ(told->offset, 0U);
  EXPECT_EQ(NextOf(**live).produced_at, told->committed_at);
  EXPECT_EQ(NextOf(**live).batch->num_rows(), 3);
}

TEST_P(InTransactionsTest, ATransactionThatFailsPublishesNothing) {
  const Topic topic = Register("t", a_);
  auto prepared = Prepare(topic, a_, {BatchS(1)});
  JAMMI_OK(prepared);
  EXPECT_EQ(CodeOf(Transact(*prepared, Error(ErrorCode::kAborted, "no"))), ErrorCode::kAborted);
  EXPECT_THAT(Published(topic, a_), IsEmpty());
  JAMMI_OK(Transact(*prepared));
  EXPECT_THAT(Published(topic, a_), ElementsAre(1)) << "what was prepared is not used up";
}

TEST_P(InTransactionsTest, WhatPublishRefusesIsRefusedBeforeTheTransaction) {
  const Topic topic = Register("t", a_);
  const auto refused = [&](const Batches& batches, const Scope& scope) {
    auto prepared = Prepare(topic, scope, batches);
    return prepared ? Error(ErrorCode::kInternal, "it was taken") : prepared.error();
  };
  EXPECT_NE(refused({BatchS(1)}, b_).As<PublishTenantMismatchDetail>(), nullptr);
  EXPECT_NE(refused({*BatchS(1)->SelectColumns({0})}, a_).As<BatchSchemaMismatchDetail>(), nullptr);
  EXPECT_EQ(refused({}, a_).code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused({nullptr}, a_).code(), ErrorCode::kInvalidArgument);
  JAMMI_OK(streams().DropTopic(a_, topic.id));
  EXPECT_NE(refused({BatchS(1)}, a_).As<TopicNotFoundDetail>(), nullptr);
  streams().Shutdown();
  EXPECT_EQ(refused({BatchS(1)}, a_).code(), ErrorCode::kUnavailable);
}

TEST_P(InTransactionsTest, ATopicThatIsDroppedMeanwhileFailsTheTransaction) {
  const Topic topic = Register("t", a_);
  auto prepared = Prepare(topic, a_, {BatchS(1)});
  JAMMI_OK(prepared);
  JAMMI_OK(streams().DropTopic(a_, topic.id));
  EXPECT_EQ(CodeOf(Transact(*prepared)), ErrorCode::kNotFound);
}

TEST_P(InTransactionsTest, AProducerKeyHolds) {
  const Topic topic = Register("t", a_);
  for (int time = 0; time < 2; ++time) {
    auto prepared = Prepare(topic, a_, {BatchS(1)}, {.producer_key = "k"});
    JAMMI_OK(prepared);
    JAMMI_OK(Transact(*prepared));
  }
  EXPECT_THAT(Published(topic, a_), ElementsAre(1));
}

TEST_P(InTransactionsTest, TheQuotaIsTakenWithTheEventsAndGivenBackWithout) {
  const Topic topic = Register("t", a_);
  {
    auto first = Prepare(topic, a_, {BatchS(0)});
    JAMMI_OK(first);
    JAMMI_OK(Transact(*first));
  }
  Open(node_, {.max_bytes = 3 * BytesOf(topic)});
  {
    auto failed = Prepare(topic, a_, {BatchS(1), BatchS(2)});
    JAMMI_OK(failed);
    EXPECT_EQ(CodeOf(Prepare(topic, a_, {BatchS(3)})), ErrorCode::kResourceExhausted) << "it is spoken for";
    EXPECT_EQ(CodeOf(Transact(*failed, Error(ErrorCode::kAborted, "no"))), ErrorCode::kAborted);
  }
  {
    auto lost = Prepare(topic, a_, {BatchS(4)});
    JAMMI_OK(lost);
    node_.catalog->set_failure(Error(ErrorCode::kOutcomeUnknown, "it may be there"));
    EXPECT_EQ(CodeOf(Transact(*lost)), ErrorCode::kOutcomeUnknown);
    node_.catalog->set_failure(std::nullopt);
  }
  {
    auto written = Prepare(topic, a_, {BatchS(5)});
    JAMMI_OK(written);  // what failed is free again
    JAMMI_OK(Transact(*written));
  }
  EXPECT_EQ(CodeOf(Prepare(topic, a_, {BatchS(6)})), ErrorCode::kResourceExhausted)
      << "what may be there counts, and what is";
}

// --- EnsureTopic -----------------------------------------------------------------------------------------

TEST_P(InTransactionsTest, Trg017ATopicIsMadeOnceAndFoundThen) {
  const auto made = streams().EnsureTopic(a_, kEngines, SchemaS(), TopicWriter::kEngine);
  JAMMI_OK(made);
  EXPECT_EQ(made->owner, a_);
  EXPECT_EQ(streams().EnsureTopic(a_, kEngines, SchemaS(), TopicWriter::kEngine)->id, made->id);
  EXPECT_EQ(streams().FindTopic(a_, kEngines)->id, made->id) << "users see it";
  const auto users = streams().EnsureTopic(a_, "t", SchemaS());
  JAMMI_OK(users);
  EXPECT_EQ(streams().EnsureTopic(a_, "t", SchemaS())->id, users->id);
}

TEST_P(InTransactionsTest, Trg017AnothersOrTheGlobalTopicNeverTakesItsPlace) {
  for (const auto& [name, writer] :
       {std::pair{std::string("t"), TopicWriter::kUser}, {std::string(kEngines), TopicWriter::kEngine}}) {
    const auto global = streams().EnsureTopic(Scope::Global(), name, SchemaS(), writer);
    const auto theirs = streams().EnsureTopic(b_, name, SchemaS(), writer);
    const auto own = streams().EnsureTopic(a_, name, SchemaS(), writer);
    JAMMI_OK(own);
    EXPECT_EQ(own->owner, a_);
    EXPECT_NE(own->id, global->id);
    EXPECT_NE(own->id, theirs->id);
  }
}

TEST_P(InTransactionsTest, ATopicOfAnotherSchemaIsAConflict) {
  const auto narrow = arrow::schema({arrow::field("id", arrow::int64())});
  JAMMI_OK(streams().EnsureTopic(a_, "t", narrow));
  const auto conflict = streams().EnsureTopic(a_, "t", SchemaS());
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code(), ErrorCode::kFailedPrecondition);
  const auto* detail = conflict.error().As<SchemaConflictDetail>();
  ASSERT_NE(detail, nullptr);
  EXPECT_EQ(detail->topic, "t");
  EXPECT_THAT(detail->detail, HasSubstr("kind"));
}

TEST_P(InTransactionsTest, NamesAreKeptApart) {
  EXPECT_EQ(CodeOf(streams().EnsureTopic(a_, kEngines, SchemaS())), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(streams().EnsureTopic(a_, "t", SchemaS(), TopicWriter::kEngine)),
            ErrorCode::kInvalidArgument);
}

// A rival comes between the look and the registration: another replica where there can be one.
TEST_P(InTransactionsTest, WhoeverIsSlowerTakesTheTopicOfTheOther) {
  Node other;
  if (harness_->kind() == BackendKind::kPostgres) Open(other);
  Streams& rival = other.streams == nullptr ? streams() : *other.streams;
  std::atomic<int> looks = 0;
  std::optional<Result<Topic>> first;
  SetSyncPoint("Streams::EnsureTopic looked", [&] {
    if (++looks == 1) first = rival.EnsureTopic(a_, kEngines, SchemaS(), TopicWriter::kEngine);
  });
  const auto second = streams().EnsureTopic(a_, kEngines, SchemaS(), TopicWriter::kEngine);
  JAMMI_OK(second);
  ASSERT_TRUE(first);
  JAMMI_OK(*first);
  EXPECT_EQ(second->id, (*first)->id);
  EXPECT_EQ(looks, 3);
}

// --- The engine's own topics -----------------------------------------------------------------------------

TEST_P(InTransactionsTest, UsersReadTheEnginesTopicsAndNoMore) {
  const auto topic = streams().EnsureTopic(a_, kEngines, SchemaS(), TopicWriter::kEngine);
  JAMMI_OK(topic);
  EXPECT_EQ(CodeOf(streams().Publish(a_, topic->id, BatchS(1))), ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(Prepare(*topic, a_, {BatchS(1)})), ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(streams().DropTopic(a_, topic->id)), ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(streams().SetRetention(a_, topic->id, {.max_events = 0})), ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(streams().AppendColumns(a_, topic->id, {arrow::field("more", arrow::int64())})),
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(CodeOf(streams().DropTopic(b_, topic->id)), ErrorCode::kNotFound);

  const Batches batches = {BatchS(7)};
  auto prepared = streams().PrepareAppend(a_, topic->id, batches, {}, TopicWriter::kEngine);
  JAMMI_OK(prepared);
  JAMMI_OK(Transact(*prepared));
  EXPECT_THAT(Published(*topic, a_), ElementsAre(7));
  const auto changes = streams().FindTopic(Scope::Global(), kChangesTopicName);
  EXPECT_EQ(CodeOf(streams().PrepareAppend(Scope::Global(), changes->id, batches, {}, TopicWriter::kEngine)),
            ErrorCode::kPermissionDenied);
}

TEST_P(InTransactionsTest, TheEnginesTopicsAreFreeOfTheQuotaOfTopics) {
  Open(node_, {.max_topics = 1});
  JAMMI_OK(streams().EnsureTopic(a_, kEngines, SchemaS(), TopicWriter::kEngine));
  JAMMI_OK(streams().EnsureTopic(a_, "t", SchemaS()));
  EXPECT_EQ(CodeOf(streams().EnsureTopic(a_, "u", SchemaS())), ErrorCode::kResourceExhausted);
  JAMMI_OK(streams().EnsureTopic(a_, "jammi.tests.more", SchemaS(), TopicWriter::kEngine));
}

}  // namespace
}  // namespace jammi
