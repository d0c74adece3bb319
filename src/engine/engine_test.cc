// The engine as its user sees it: open, work, close, open again.
#include "jammi/engine.h"

#include <arrow/api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <latch>
#include <optional>
#include <thread>

#include "engine/number_fixture.h"
#include "engine/repositories_fixture.h"
#include "jammi/engine_status.h"

namespace jammi {
namespace {

using std::chrono::seconds;

// Long enough for a loaded machine; a test that waits so long has failed.

std::shared_ptr<arrow::Schema> QuakeSchema() {
  return arrow::schema(
      {arrow::field("id", arrow::int64(), false), arrow::field("kind", arrow::utf8(), false)});
}

std::shared_ptr<arrow::RecordBatch> Quakes(std::vector<int64_t> ids, const std::string& kind = "X") {
  arrow::Int64Builder id;
  arrow::StringBuilder kinds;
  for (const int64_t value : ids) {
    EXPECT_TRUE(id.Append(value).ok());
    EXPECT_TRUE(kinds.Append(kind).ok());
  }
  return arrow::RecordBatch::Make(QuakeSchema(), static_cast<int64_t>(ids.size()),
                                  {*id.Finish(), *kinds.Finish()});
}

class EngineTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "jammi-engine-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    config_.artifact_dir = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(config_.artifact_dir); }

  std::unique_ptr<Engine> Open() {
    auto engine = Engine::Open(config_);
    EXPECT_TRUE(engine) << engine.error().ToString();
    return std::move(*engine);
  }

  // Offsets of a finite replay as `session` sees it.
  static std::vector<uint64_t> Replay(const Session& session, std::string_view topic,
                                      const std::string& predicate = {}) {
    std::vector<uint64_t> offsets;
    auto replay = session.Subscribe(topic, From::Offset(0), {.predicate = predicate, .follow = false});
    EXPECT_TRUE(replay) << replay.error().ToString();
    while (true) {
      auto next = (*replay)->Next(Patience());
      EXPECT_TRUE(next) << next.error().ToString();
      if (!next || !*next) return offsets;
      offsets.push_back((*next)->offset);
    }
  }

  const TenantId a_ = *TenantId::From(Uuid::RandomV4());
  const TenantId b_ = *TenantId::From(Uuid::RandomV4());
  Config config_;
};

TEST_F(EngineTest, WhatWasAcknowledgedIsThereAfterReopening) {
  std::string incarnation;
  {
    auto engine = Open();
    incarnation = engine->incarnation();
    const Session session = engine->Global();
    const auto topic = session.topics().Register("quakes", QuakeSchema());
    ASSERT_TRUE(topic) << topic.error().ToString();
    for (int64_t i = 0; i < 5; ++i)
      EXPECT_EQ(session.Publish(topic->id, Quakes({i}))->value, static_cast<uint64_t>(i));
    ASSERT_TRUE(session.models().RegisterNext({.model_id = "ranker",
                                               .model_type = "embedding",
                                               .backend = "http",
                                               .task = ModelTask::kTextEmbedding}));
  }
  auto engine = Open();
  const Session session = engine->Global();
  EXPECT_EQ(engine->incarnation(), incarnation);
  EXPECT_EQ(Replay(session, "quakes"), (std::vector<uint64_t>{0, 1, 2, 3, 4}));
  const auto topic = session.topics().Find("quakes");
  ASSERT_TRUE(topic);
  EXPECT_EQ(session.Publish(topic->id, Quakes({5}))->value, 5U)
      << "W-05: a topic of an earlier process is usable at once";
  EXPECT_EQ(*session.models().LatestVersion("ranker"), 1);
}

TEST_F(EngineTest, EveryRepositoryIsReachedThroughASession) {
  auto engine = Open();
  UseEveryRepository(engine->ForTenant(a_), engine->job_queue(), engine->ForTenant(a_),
                     engine->ForTenant(b_));
}

TEST_F(EngineTest, ABrokerInMemoryIsAlwaysThere) {
  auto engine = Open();
  for (const bool closed : {false, true}) {
    const auto broker = engine->broker_status();
    EXPECT_EQ(broker.kind, BrokerKind::kInMemory) << closed;
    EXPECT_TRUE(broker.connected) << closed;
    engine->Close();
  }
}

TEST_F(EngineTest, FeedsAreCounted) {
  auto engine = Open();
  const Session session = engine->Global();
  const auto topic = session.topics().Register("quakes", QuakeSchema());
  for (int64_t i = 0; i < 3; ++i) ASSERT_TRUE(session.Publish(topic->id, Quakes({i}), Patience()));
  EXPECT_EQ(engine->feed_stats().feeds, 0U);
  {
    auto replay = *session.Subscribe("quakes", From::Offset(0), {.predicate = "id > 1"});
    EXPECT_EQ(engine->feed_stats().feeds, 1U);
    EXPECT_EQ((*replay->Next(Patience()))->offset, 2U);
  }
  while (engine->feed_stats().feeds > 0) std::this_thread::yield();  // it goes with who reads for it
  const auto stats = engine->feed_stats();
  EXPECT_EQ(stats.pages_read, 1U);
  EXPECT_EQ(stats.pages_shared, 0U);
  EXPECT_EQ(stats.evaluations, 3U);
}

TEST_F(EngineTest, ASecondEngineOnTheFileIsRefusedByName) {
  auto engine = Open();
  const auto second = Engine::Open(config_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::kFailedPrecondition);
  const auto* holder = second.error().As<CatalogLockedDetail>();
  ASSERT_NE(holder, nullptr) << second.error().ToString();
  EXPECT_EQ(holder->pid, getpid());
  EXPECT_FALSE(holder->host.empty());
  // The message once printed the holder's fields after they had been moved away.
  EXPECT_NE(second.error().message().find(holder->host + " since " + holder->started_at), std::string::npos)
      << second.error().message();
}

// A session kept the lock of a closed engine, so the same program could not open it again.
TEST_F(EngineTest, ClosingReleasesTheFileThoughASessionIsStillThere) {
  auto engine = Open();
  const Session session = engine->Global();
  engine->Close();
  EXPECT_TRUE(Engine::Open(config_));
}

TEST_F(EngineTest, Trg012TenantsSeeTheirOwnAndGlobalEvents) {
  auto engine = Open();
  const Session global = engine->Global();
  const Session a = engine->ForTenant(a_);
  const Session b = engine->ForTenant(b_);
  const auto topic = global.topics().Register("shared", QuakeSchema());
  ASSERT_TRUE(topic);
  ASSERT_TRUE(a.Publish(topic->id, Quakes({1})));
  ASSERT_TRUE(b.Publish(topic->id, Quakes({2})));
  ASSERT_TRUE(global.Publish(topic->id, Quakes({3})));
  EXPECT_EQ(Replay(a, "shared"), (std::vector<uint64_t>{0, 2}));
  EXPECT_EQ(Replay(b, "shared"), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(Replay(global, "shared"), (std::vector<uint64_t>{2}));
}

TEST_F(EngineTest, Trg024ATenantCannotDropOrSeeWhatIsNotItsOwn) {
  auto engine = Open();
  const auto global_topic = engine->Global().topics().Register("shared", QuakeSchema());
  const auto a_topic = engine->ForTenant(a_).topics().Register("mine", QuakeSchema());
  ASSERT_TRUE(global_topic && a_topic);
  auto b = engine->ForTenant(b_);
  for (const auto& id : {global_topic->id, a_topic->id}) {
    const auto dropped = b.topics().Drop(id);
    ASSERT_FALSE(dropped);
    EXPECT_NE(dropped.error().As<TopicNotFoundDetail>(), nullptr);
  }
  EXPECT_FALSE(b.topics().Find("mine"));
  EXPECT_FALSE(b.topics().Find(a_topic->id));
  EXPECT_EQ(b.Publish(a_topic->id, Quakes({1})).error().code(), ErrorCode::kPermissionDenied) << "TRG-033";
  EXPECT_TRUE(engine->ForTenant(a_).topics().Find("mine"));
}

TEST_F(EngineTest, RetentionAndQuotasComeFromTheConfiguration) {
  config_.trigger.retention.max_events = 3;
  config_.trigger.retention.trim_interval_ms = 10;
  config_.quotas.max_topics = 1;
  config_.quotas.tenants[b_.ToString()] = {.max_topics = 2};
  const auto engine = Open();
  auto topics = engine->ForTenant(a_).topics();
  const auto topic = topics.Register("t", QuakeSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  const auto refused = topics.Register("more", QuakeSchema());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kResourceExhausted);
  ASSERT_NE(refused.error().As<QuotaExceededDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<QuotaExceededDetail>()->limit, 1);
  for (const char* name : {"one", "two"}) {
    EXPECT_TRUE(engine->ForTenant(b_).topics().Register(name, QuakeSchema()));
  }
  for (int64_t i = 0; i < 8; ++i) {
    ASSERT_TRUE(engine->ForTenant(a_).Publish(topic->id, Quakes({i}), Patience()));
  }
  while (engine->retention_stats().trimmed_events < 5) std::this_thread::yield();
  EXPECT_EQ(topics.Stats(topic->id)->events, 3U);
  EXPECT_EQ(topics.Stats(topic->id)->retention.max_events, 3);
  EXPECT_EQ(topics.SetRetention(topic->id, {.max_events = 0})->retention.max_events, 0);
  EXPECT_EQ(topics.Find("t")->retention.max_events, 0);
}

TEST_F(EngineTest, CloseAnswersEveryAsyncPublishAndEndsEverySubscription) {
  auto engine = Open();
  const Session session = engine->Global();
  const auto topic = session.topics().Register("quakes", QuakeSchema());
  ASSERT_TRUE(topic);
  auto parked = session.Subscribe("quakes", From::Newest());
  ASSERT_TRUE(parked);
  constexpr int kCount = 500;
  std::atomic<int> acknowledged = 0;
  std::atomic<int> refused = 0;
  for (int i = 0; i < kCount; ++i) {
    session.PublishAsync(topic->id, Quakes({i}),
                         [&](Result<Offset> offset) { ++(offset ? acknowledged : refused); });
  }
  engine->Close();
  EXPECT_EQ(acknowledged + refused, kCount);

  int64_t delivered = 0;
  while (true) {
    auto next = (*parked)->Next(Patience());
    ASSERT_TRUE(next) << next.error().ToString();
    if (!*next) break;
    ++delivered;
  }
  EXPECT_LE(delivered, acknowledged);

  engine = Open();
  EXPECT_EQ(Replay(engine->Global(), "quakes").size(), static_cast<size_t>(acknowledged));
}

TEST_F(EngineTest, AClosedEngineSaysSo) {
  auto engine = Open();
  Session session = engine->Global();
  const auto topic = session.topics().Register("quakes", QuakeSchema());
  ASSERT_TRUE(topic);
  engine->Close();
  engine->Close();  // idempotent
  EXPECT_EQ(session.Publish(topic->id, Quakes({1})).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(session.topics().Register("more", QuakeSchema()).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(session.topics().List().error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(session.models().Get("x").error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(session.Subscribe("quakes", From::Newest()).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(engine->Ping(Patience()).error().code(), ErrorCode::kUnavailable);
  std::promise<ErrorCode> code;
  session.PublishAsync(topic->id, Quakes({1}),
                       [&](Result<Offset> offset) { code.set_value(offset.error().code()); });
  EXPECT_EQ(code.get_future().get(), ErrorCode::kUnavailable);
  engine.reset();
  EXPECT_EQ(session.Publish(topic->id, Quakes({1})).error().code(), ErrorCode::kUnavailable)
      << "a session outlives its engine";
}

TEST_F(EngineTest, PublishingInBulkAndOnceGoesThroughASession) {
  const std::vector<std::shared_ptr<arrow::RecordBatch>> batches = {Quakes({2}), Quakes({3})};
  auto engine = Open();
  const Session session = engine->ForTenant(a_);
  const auto topic = session.topics().Register("quakes", QuakeSchema());
  ASSERT_TRUE(topic) << topic.error().ToString();
  const auto first = session.Publish(topic->id, Quakes({1}), {.producer_key = "one"}, Patience());
  ASSERT_TRUE(first) << first.error().ToString();
  EXPECT_EQ(first->offset.value, 0U);
  const auto many = session.PublishMany(topic->id, batches, {.producer_key = "many"});
  ASSERT_TRUE(many) << many.error().ToString();
  EXPECT_EQ(many->offset.value, 1U);

  engine.reset();  // what a session publishes again after a restart
  engine = Open();
  const Session again = engine->ForTenant(a_);
  std::promise<Result<PublishOutcome>> one, all;
  again.PublishAsync(topic->id, Quakes({1}), {.producer_key = "one"},
                     [&](Result<PublishOutcome> outcome) { one.set_value(std::move(outcome)); });
  again.PublishManyAsync(topic->id, batches, {.producer_key = "many"},
                         [&](Result<PublishOutcome> outcome) { all.set_value(std::move(outcome)); });
  for (const auto& [outcome, before] :
       {std::pair{one.get_future().get(), *first}, {all.get_future().get(), *many}}) {
    ASSERT_TRUE(outcome) << outcome.error().ToString();
    EXPECT_TRUE(outcome->duplicate);
    EXPECT_EQ(outcome->offset, before.offset);
  }
  EXPECT_EQ(again.PublishMany(topic->id, batches)->offset.value, 3U);
  EXPECT_EQ(Replay(again, "quakes").size(), 5U);
}

TEST_F(EngineTest, ANamedConsumerGoesOnWhereItWasAfterReopening) {
  const AttachOptions from_start{.create_if_absent = {{.from = From::Offset(0)}}};
  {
    auto engine = Open();
    const Session session = engine->ForTenant(a_);
    const auto topic = session.topics().Register("quakes", QuakeSchema());
    ASSERT_TRUE(topic) << topic.error().ToString();
    for (int64_t i = 0; i < 4; ++i) ASSERT_TRUE(session.Publish(topic->id, Quakes({i})));
    const auto reader = session.consumers().Attach("quakes", "indexer", from_start);
    ASSERT_TRUE(reader) << reader.error().ToString();
    for (uint64_t i = 0; i < 2; ++i) {
      const auto next = (*reader)->Next(Patience());
      ASSERT_TRUE(next && *next);
      EXPECT_EQ((*next)->offset, i);
    }
    ASSERT_TRUE((*reader)->Ack(1));
    engine->Close();  // with the reader attached
  }
  auto engine = Open();
  const Session session = engine->ForTenant(a_);
  EXPECT_EQ(session.consumers().Get("quakes", "indexer")->Lag(), 2U);
  const auto reader = session.consumers().Attach("quakes", "indexer");
  ASSERT_TRUE(reader) << reader.error().ToString();
  const auto next = (*reader)->Next(Patience());
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((*next)->offset, 2U);
  const auto page = session.ReadTopic("quakes", From::Position((*reader)->bookmark()));
  ASSERT_TRUE(page) << page.error().ToString();
  EXPECT_EQ(page->deliveries.size(), 1U);

  const Consumers others = engine->ForTenant(b_).consumers();
  EXPECT_EQ(others.Get("quakes", "indexer").error().code(), ErrorCode::kNotFound);
  EXPECT_EQ(session.consumers().List("quakes")->items.size(), 1U);
  ASSERT_TRUE(session.consumers().Reset("quakes", "indexer", From::Newest(), OnLeased::kTakeOver));
  ASSERT_TRUE(session.consumers().Delete("quakes", "indexer"));
  ASSERT_TRUE(session.consumers().Create("quakes", "indexer"));
}

TEST_F(EngineTest, CloseRacesWithEveryKindOfCall) {
  auto engine = Open();
  const Session session = engine->Global();
  const auto topic = session.topics().Register("quakes", QuakeSchema());
  ASSERT_TRUE(topic);
  constexpr int kThreads = 6;
  std::latch started(kThreads);
  std::atomic<uint64_t> acknowledged = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      started.count_down();
      while (true) {
        Result<void> outcome;
        if (t % 3 == 0) {
          auto offset = session.Publish(topic->id, Quakes({t}));
          if (offset)
            ++acknowledged;
          else
            outcome = offset.error();
        } else if (t % 3 == 1) {
          auto subscription = session.Subscribe("quakes", From::Offset(0));
          if (subscription) {
            const auto next = (*subscription)->Next(Deadline::Now());
            IgnoreError(next, "the race is for the crash it must not have");
          } else {
            outcome = subscription.error();
          }
        } else if (auto page = session.topics().List(); !page) {
          outcome = page.error();
        }
        if (!outcome) {
          EXPECT_EQ(outcome.error().code(), ErrorCode::kUnavailable) << outcome.error().ToString();
          return;
        }
      }
    });
  }
  started.wait();
  while (acknowledged < 20) std::this_thread::yield();
  engine->Close();
  threads.clear();
  engine = Open();
  EXPECT_EQ(Replay(engine->Global(), "quakes").size(), acknowledged.load());
}

#ifndef JAMMI_HAS_NATS
TEST_F(EngineTest, Cfg031Trg077ADriverThatIsNotBuiltInIsAConfigurationError) {
  config_.broker = JetStreamBrokerConfig{.url = Secret("nats://127.0.0.1:4222")};
  const auto engine = Engine::Open(config_);
  ASSERT_FALSE(engine);
  ASSERT_NE(engine.error().As<ConfigDetail>(), nullptr) << engine.error().ToString();
  EXPECT_EQ(engine.error().As<ConfigDetail>()->key, "broker.kind");
  EXPECT_THAT(engine.error().message(), testing::HasSubstr("broker.kind = \"jet_stream\""));
  EXPECT_FALSE(std::filesystem::exists(config_.artifact_dir / "catalog.db")) << "nothing half done";
}
#endif

TEST_F(EngineTest, AnInvalidConfigurationIsRefusedBeforeAnythingIsOpened) {
  std::get<SqliteCatalogConfig>(config_.catalog).reader_connections = 0;
  const auto engine = Engine::Open(config_);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(config_.artifact_dir / "catalog.db"));
}

// W-03: the reference loses an event for an attached subscriber when the fan-out fails.
class BrokenBroker final : public TriggerBroker {
 public:
  Result<void> RegisterTopic(const Topic&) override { return {}; }
  Result<void> DropTopic(const TopicId&) override { return {}; }
  Result<Offset> Publish(const TopicId&, const std::shared_ptr<arrow::RecordBatch>&, UnixMicros, uint64_t,
                         const std::optional<TenantId>&) override {
    ++attempts;
    return Error(ErrorCode::kUnavailable, "simulated broker outage", BrokerDetail{"broken"});
  }
  Result<std::unique_ptr<Subscription>> Subscribe(const TopicId&, Predicate,
                                                  std::optional<uint64_t>) override {
    return Error(ErrorCode::kUnavailable, "simulated broker outage", BrokerDetail{"broken"});
  }
  Result<std::vector<ConsumerOffsetSnapshot>> ListConsumers(const TopicId&) override {
    return std::vector<ConsumerOffsetSnapshot>{};
  }
  bool WantsPublish(const TopicId&) override { return true; }
  BrokerKind driver_kind() const override { return BrokerKind::kJetStream; }

  std::atomic<int> attempts = 0;
};

TEST_F(EngineTest, Trg041AFailedFanOutHarmsNobody) {
  auto broker = std::make_shared<BrokenBroker>();
  config_.broker = JetStreamBrokerConfig{.url = Secret("nats://127.0.0.1:4222")};  // replaced by ours
  auto engine = Engine::Open(config_, {.broker = broker});
  ASSERT_TRUE(engine) << engine.error().ToString();
  const Session session = (*engine)->Global();
  const auto topic = session.topics().Register("quakes", QuakeSchema());
  ASSERT_TRUE(topic);
  auto live = session.Subscribe("quakes", From::Newest());
  ASSERT_TRUE(live);
  for (int64_t i = 0; i < 10; ++i) ASSERT_TRUE(session.Publish(topic->id, Quakes({i})));
  for (uint64_t i = 0; i < 10; ++i) {
    auto next = (*live)->Next(Patience());
    ASSERT_TRUE(next && *next);
    EXPECT_EQ((*next)->offset, i);
  }
  (*engine)->Close();
  EXPECT_GT(broker->attempts, 0);
}

// The sweeper of the next engine finds what the one before had open.
TEST_F(EngineTest, W25EphemeralSessionsGoWithTheirEngine) {
  auto engine = Open();
  const Session session = engine->ForTenant(a_);
  auto scratch = session.OpenEphemeral({.timeout = std::chrono::hours(1)});
  ASSERT_TRUE(scratch) << scratch.error().ToString();
  ASSERT_TRUE(scratch->CreateTable("quakes", QuakeSchema(), {"id"}));
  EXPECT_EQ(*scratch->Insert("quakes", Quakes({1, 2, 3})), 3);
  EXPECT_EQ(*session.AttachEphemeral(scratch->id())->Count("quakes"), 3);
  EXPECT_FALSE(engine->ForTenant(b_).AttachEphemeral(scratch->id()));
  EXPECT_TRUE(session.tables().Get(scratch->TableId("quakes")));
  EXPECT_FALSE(engine->Global().OpenEphemeral({.timeout = seconds(1)}));
  engine.reset();
  EXPECT_EQ(scratch->Count("quakes").error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(session.OpenEphemeral({.timeout = seconds(1)}).error().code(), ErrorCode::kUnavailable);

  engine = Open();
  const Session again = engine->ForTenant(a_);
  while (again.tables().Get(scratch->TableId("quakes"))) std::this_thread::yield();
  EXPECT_EQ(Replay(again, kSessionLifecycleTopic), (std::vector<uint64_t>{0, 1}));
}

// --- The audit log

TEST_F(EngineTest, Aud023TheAuditLogOutlivesTheEngine) {
  const auto keys = NewFixedAuditKeyStore({Secret(std::string(64, '7'))});
  const AuditedQuery query{.query_id = Uuid::RandomV4(),
                           .model_id = "ranker",
                           .top_k_result_ids = {"doc-1"},
                           .retrieval_scores = {0.92F}};
  std::optional<AuditCheckpoint> checkpoint;
  {
    auto engine = Engine::Open(config_, {.audit_keys = keys});
    ASSERT_TRUE(engine) << engine.error().ToString();
    const Session session = (*engine)->ForTenant(a_);
    const auto logged = session.audit().Log({&query, 1});
    ASSERT_TRUE(logged) << logged.error().ToString();
    checkpoint = *session.audit().Checkpoint();
    EXPECT_EQ(Replay(session, kAuditTopic).size(), 1U);
    EXPECT_FALSE((*engine)->Global().audit().Recent());
  }
  auto engine = Engine::Open(config_, {.audit_keys = keys});
  ASSERT_TRUE(engine) << engine.error().ToString();
  AuditLog log = (*engine)->ForTenant(a_).audit();
  const auto found = log.Find(query.query_id);
  ASSERT_TRUE(found && *found);
  EXPECT_TRUE(*log.Verify(**found));
  EXPECT_TRUE(log.VerifyChain()->intact());
  EXPECT_TRUE(log.VerifyCheckpoint(*checkpoint)->intact());
  EXPECT_TRUE((*engine)->ForTenant(b_).audit().Recent()->empty());
  (*engine)->Close();
  EXPECT_EQ(log.Log({&query, 1}).error().code(), ErrorCode::kUnavailable);
  EXPECT_EQ(log.Recent().error().code(), ErrorCode::kUnavailable);
}

TEST_F(EngineTest, Aud051AKeyMayBeRequiredAtTheStart) {
  config_.audit.require_key = true;
  const auto refused = Engine::Open(config_, {.audit_keys = NewFixedAuditKeyStore({})});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().As<AuditDetail>()->fault, AuditFault::kMasterKey);
  config_.signing_key = FileSigningKeyConfig{.path = config_.artifact_dir / "no-such-file"};
  EXPECT_EQ(Engine::Open(config_).error().code(), ErrorCode::kFailedPrecondition);
  config_.audit.require_key = false;
  const auto engine = Open();
  const AuditedQuery query;
  EXPECT_EQ(engine->ForTenant(a_).audit().Log({&query, 1}).error().As<AuditDetail>()->fault,
            AuditFault::kMasterKey);
}

TEST_F(EngineTest, TheConfiguredLimitOfLineageHolds) {
  config_.audit.max_lineage_bytes = 10;
  auto engine = Engine::Open(config_, {.audit_keys = NewFixedAuditKeyStore({Secret(std::string(64, '7'))})});
  ASSERT_TRUE(engine) << engine.error().ToString();
  const AuditedQuery query{.query_lineage = "[1,2,3,4,5]"};
  EXPECT_EQ((*engine)->ForTenant(a_).audit().Log({&query, 1}).error().As<AuditDetail>()->fault,
            AuditFault::kLineageTooLarge);
}

}  // namespace
}  // namespace jammi
