// The forwarder over a real catalog, with a sink that does as it is told.
#include "forwarding/forwarder.h"

#include <arrow/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "base/log.h"
#include "base/sync_point.h"
#include "catalog/consumer_repo.h"
#include "catalog/event_key.h"
#include "catalog/repo_fixture.h"
#include "forwarding/cloud_events.h"
#include "forwarding/scripted_sink.h"
#include "jammi/audit.h"
#include "trigger/streams.h"

namespace jammi::test {
namespace {

using nlohmann::json;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::shared_ptr<arrow::Schema> Numbers() { return arrow::schema({arrow::field("n", arrow::int64(), false)}); }
std::shared_ptr<arrow::RecordBatch> Batch(int64_t first, int64_t rows = 1) {
  arrow::Int64Builder builder;
  for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(first + i).ok());
  return arrow::RecordBatch::Make(Numbers(), rows, {*builder.Finish()});
}

json DataOf(const events::Event& event) {
  return json::parse(std::get<events::JsonData>(event.payload).text());
}

class ForwarderTest : public RepoTest {
 protected:
  ForwarderTest() {
    SetLog(LogLevel::kOff, LogFormat::kText);
    options_.lifecycle = false;
    options_.topics = {"numbers"};
    options_.look_every = options_.acknowledge_every = std::chrono::milliseconds(1);
    options_.pause = [](uint32_t) { return std::chrono::milliseconds(1); };
    OpenStreams();
  }
  ~ForwarderTest() override {
    ClearSyncPoints();
    forwarder_.reset();
    CloseStreams();
    SetLog(LogLevel::kWarning, LogFormat::kText);
  }

  void OpenStreams() { streams_ = Ok(Streams::Open(*catalog_, {}, nullptr)); }
  void CloseStreams() {
    if (streams_ != nullptr) streams_->Shutdown();
    streams_.reset();
  }
  std::unique_ptr<Forwarder> Begin() { return Forwarder::Start(*catalog_, sink_, options_); }
  void Start() { forwarder_ = Begin(); }
  void Stop() { forwarder_.reset(); }

  Topic Register(const std::string& name = "numbers", const Scope& scope = kGlobal) {
    return Ok(streams_->RegisterTopic(scope, name, Numbers()));
  }
  void Publish(const Topic& topic, int64_t first, int64_t events, const Scope& scope = kGlobal) {
    for (int64_t i = 0; i < events; ++i) (void)Ok(streams_->Publish(scope, topic.id, Batch(first + i)));
  }
  // The numbers that arrived, in their order.
  std::vector<int64_t> Arrived(size_t count) {
    std::vector<int64_t> numbers;
    for (const auto& event : sink_->Stream(count)) {
      if (event.type == "dev.jammi.events.row.published.v1") numbers.push_back(DataOf(event)["values"]["n"]);
    }
    return numbers;
  }
  std::vector<std::string> Types(size_t count) {
    std::vector<std::string> types;
    for (const auto& event : sink_->Stream(count)) types.push_back(event.type);
    return types;
  }
  static std::vector<int64_t> UpTo(int64_t end) {
    std::vector<int64_t> numbers(static_cast<size_t>(end));
    for (int64_t i = 0; i < end; ++i) numbers[static_cast<size_t>(i)] = i;
    return numbers;
  }
  template <class Condition>
  void Await(Condition condition) {
    const auto deadline = Deadline::After(std::chrono::seconds(30));
    while (!condition()) {
      if (deadline.Passed()) FAIL() << "it has not come";
      std::this_thread::yield();
    }
  }
  StoredConsumer ConsumerOf(const Topic& topic) {
    const auto number = GetInt("SELECT topic_no AS v FROM topics WHERE topic_id = $1", {topic.id.ToString()});
    return Ok(ConsumerRepo(Access(topic.owner)).Get({number, kForwardingConsumer}));
  }
  // It is in the catalog that all before `position` is done with.
  void AwaitAcknowledged(const Topic& topic, uint64_t position) {
    Await([&] {
      const auto number =
          GetInt("SELECT topic_no AS v FROM topics WHERE topic_id = $1", {topic.id.ToString()});
      const auto consumer = ConsumerRepo(Access(topic.owner)).Get({number, kForwardingConsumer});
      return consumer && consumer->position == position;
    });
  }
  // What the trimmer does to the oldest events.
  void Trim(const Topic& topic, int64_t low_water) {
    const auto number = GetInt("SELECT topic_no AS v FROM topics WHERE topic_id = $1", {topic.id.ToString()});
    Sql("DELETE FROM events WHERE event_key >= $1 AND event_key < $2",
        {EventKey(number, 0), EventKey(number, low_water)});
    Sql("UPDATE topic_heads SET low_water = $2, events = events - $2 WHERE topic_no = $1",
        {number, low_water});
  }

  const std::shared_ptr<ScriptedSink> sink_ = std::make_shared<ScriptedSink>();
  ForwardingOptions options_;
  std::unique_ptr<Streams> streams_;
  std::unique_ptr<Forwarder> forwarder_;
};

TEST_P(ForwarderTest, RowsOfEveryScopeArriveInOrderAndAreAcknowledged) {
  const Topic topic = Register();
  (void)Ok(streams_->Publish(kGlobal, topic.id, Batch(0, 3)));
  (void)Ok(streams_->Publish(kGlobal, topic.id, Batch(0, 0)));
  (void)Ok(streams_->Publish(kA, topic.id, Batch(3, 2)));
  Start();
  Publish(topic, 5, 295);
  EXPECT_EQ(Arrived(300), UpTo(300));
  const auto stream = sink_->Stream(300);
  EXPECT_EQ(stream[0].id, fmt::format("{}:{}:0:0", catalog_->incarnation(), topic.id.ToString()));
  EXPECT_EQ(stream[0].source, "/jammi/" + catalog_->incarnation());
  EXPECT_EQ(stream[0].subject, topic.id.ToString());
  EXPECT_FALSE(stream[0].extensions.contains("tenantid"));
  EXPECT_EQ(DataOf(stream[0]),
            (json{{"topic", "numbers"}, {"offset", 0}, {"row", 0}, {"values", {{"n", 0}}}}));
  EXPECT_EQ(DataOf(stream[4])["tenantId"], kA.Key());  // SNK-041
  EXPECT_EQ(std::get<std::string>(stream[4].extensions.at("tenantid")), kA.Key());
  EXPECT_EQ(stream[4].id, fmt::format("{}:{}:2:1", catalog_->incarnation(), topic.id.ToString()));
  for (const auto& event : stream) EXPECT_TRUE(events::CheckEvent(event));
  Stop();
  EXPECT_EQ(ConsumerOf(topic).position, 298U);
  EXPECT_FALSE(ConsumerOf(topic).lease);
  EXPECT_EQ(sink_->doubles(), 0U);
}

TEST_P(ForwarderTest, TopicsOfAnyOwnerAreFoundByNameWheneverTheyCome) {
  options_.topics = {"numbers", "sensor.*"};
  const Topic other = Register("other");
  Publish(other, 100, 1);
  Start();
  Publish(Register("numbers", kA), 0, 1, kA);
  (void)Arrived(1);
  Publish(Register("numbers", kB), 1, 1, kB);
  (void)Arrived(2);
  Publish(Register("sensor.1"), 2, 1);
  EXPECT_EQ(Arrived(3), UpTo(3));
  EXPECT_EQ(DataOf(sink_->Stream(3)[1])["tenantId"], kB.Key());
}

TEST_P(ForwarderTest, TheLifecycleOfTopicsAndModels) {
  options_.lifecycle = true;
  options_.topics = {};
  Start();
  const Topic topic = Register("t", kA);
  RegisterModel(kA, "ranker");
  (void)Ok(streams_->DropTopic(kA, topic.id));
  const auto stream = sink_->Stream(3);
  ASSERT_EQ(stream.size(), 3U) << "the forwarder's own consumers are not told of";
  EXPECT_EQ(stream[0].type, "dev.jammi.events.topic.registered.v1");
  EXPECT_EQ(stream[0].subject, "t");
  EXPECT_EQ(DataOf(stream[0]),
            (json{{"tenantId", kA.Key()}, {"kind", "topic"}, {"verb", "registered"}, {"name", "t"}}));
  EXPECT_EQ(stream[1].type, "dev.jammi.events.model.registered.v1");
  EXPECT_EQ(DataOf(stream[1])["version"], 1);
  EXPECT_EQ(stream[2].type, "dev.jammi.events.topic.deleted.v1");
}

TEST_P(ForwarderTest, RecordsOfTheAuditLog) {
  options_.lifecycle = true;
  options_.topics = {};
  const auto schema = arrow::schema({arrow::field("record", arrow::utf8(), false)});
  const Topic topic = Ok(streams_->EnsureTopic(kA, kAuditTopic, schema, TopicWriter::kEngine));
  arrow::StringBuilder records;
  ASSERT_TRUE(records.Append(R"({"query_id":"q-1","retrieval_scores":[0.92]})").ok());
  const auto batch = arrow::RecordBatch::Make(schema, 1, {*records.Finish()});
  auto append = Ok(streams_->PrepareAppend(kA, topic.id, {&batch, 1}, {}, TopicWriter::kEngine));
  append.Settle(backend().RunTransaction({}, [&](Transaction& tx) -> Result<void> {
    append.AppendTo(tx);
    return {};
  }));
  Start();
  Await([&] { return !Types(1).empty() && sink_->Stream(2).size() == 2; });
  for (const auto& event : sink_->Stream(2)) {
    if (event.type != "dev.jammi.events.audit.logged.v1") continue;
    EXPECT_EQ(event.subject, "q-1");
    EXPECT_EQ(DataOf(event)["record"]["retrieval_scores"][0], 0.92);
    EXPECT_EQ(DataOf(event)["tenantId"], kA.Key());
  }
  EXPECT_THAT(Types(2), Contains("dev.jammi.events.audit.logged.v1"));
}

// Nothing is lost while the sink is away, and the order stays, also when the engine is restarted meanwhile.
TEST_P(ForwarderTest, WhatIsPublishedWhileTheSinkIsAwayArrivesOnceInOrder) {
  options_.window = 8;
  sink_->Play([](const auto&) { return SinkError(SinkFault::kConnectionLost); });
  const Topic topic = Register();
  Start();
  Publish(topic, 0, 30);
  sink_->AwaitTries(20);
  Stop();
  CloseStreams();
  Reopen();
  OpenStreams();
  Publish(topic, 30, 10);
  Start();
  sink_->AwaitTries(40);
  sink_->Play(nullptr);
  EXPECT_EQ(Arrived(40), UpTo(40));
  const auto status = forwarder_->status();
  EXPECT_GT(status.retries, 0U);
  EXPECT_THAT(status.last_error, HasSubstr("ConnectionLost"));
}

TEST_P(ForwarderTest, WithAWindowOfOneFailuresKeepTheOrder) {
  size_t calls = 0;
  sink_->Play([&calls](const auto&) -> Result<void> {
    if (++calls % 7 == 0) return SinkError(SinkFault::kUnavailable);
    return {};
  });
  const Topic topic = Register();
  Publish(topic, 0, 50);
  Start();
  EXPECT_EQ(Arrived(50), UpTo(50));
  Stop();
}

// Crash between the sink's word and the catalog's: another engine sends the same again, with the same ids.
TEST_P(ForwarderTest, WhoTakesOverSendsAgainWhatWasNotAcknowledged) {
  const Topic topic = Register();
  Publish(topic, 0, 5);
  auto dying = options_;
  dying.acknowledge_every = std::chrono::hours(1);
  auto first = Forwarder::Start(*catalog_, sink_, dying);
  EXPECT_EQ(Arrived(5), UpTo(5));
  EXPECT_EQ(ConsumerOf(topic).position, 0U) << "it is known to nobody yet";
  MoveClock(std::chrono::seconds(31));  // the lease of one who has died
  Start();
  Await([&] { return sink_->doubles() == 5; });
  Publish(topic, 5, 5);
  EXPECT_EQ(Arrived(10), UpTo(10));
  AwaitAcknowledged(topic, 10);
  first->Shutdown();
  EXPECT_EQ(ConsumerOf(topic).position, 10U) << "the first one's word does not count any more";
  EXPECT_TRUE(ConsumerOf(topic).lease);
}

TEST_P(ForwarderTest, AnEventThatCanNeverBeSentDoesNotStopTheOthers) {
  std::vector<std::string> kept;
  options_.dead_letter = [&](const events::Event& event, const Error& why) -> Result<void> {
    EXPECT_EQ(events::Validate(event).size(), 0U);
    EXPECT_EQ(why.As<SinkDetail>()->fault, SinkFault::kEventTooLarge);
    kept.push_back(event.id);
    return {};
  };
  sink_->Play([](const events::Event& event) -> Result<void> {
    if (DataOf(event)["offset"] == 2) return SinkError(SinkFault::kEventTooLarge);
    return {};
  });
  const Topic topic = Register();
  Publish(topic, 0, 5);
  Start();
  EXPECT_THAT(Arrived(4), ElementsAre(0, 1, 3, 4));
  AwaitAcknowledged(topic, 5);
  EXPECT_EQ(forwarder_->status().refused, 1U);
  EXPECT_EQ(forwarder_->status().dead_lettered, 1U);
  Stop();
  EXPECT_THAT(kept, ElementsAre(HasSubstr(":2:0")));
}

TEST_P(ForwarderTest, WhatCannotBeKeptAsADeadLetterIsTriedAgain) {
  std::atomic<int> full = 3;
  options_.dead_letter = [&](const auto&, const auto&) -> Result<void> {
    if (full-- > 0) return SinkError(SinkFault::kSpillFull);
    return {};
  };
  sink_->Play([](const events::Event& event) -> Result<void> {
    if (DataOf(event)["offset"] == 0) return SinkError(SinkFault::kInvalidEvent);
    return {};
  });
  const Topic topic = Register();
  Publish(topic, 0, 2);
  Start();
  AwaitAcknowledged(topic, 2);
  EXPECT_EQ(forwarder_->status().dead_lettered, 1U);
  EXPECT_EQ(forwarder_->status().retries, 3U);
  Stop();
}

// A right that was withdrawn for a moment costs nothing.
TEST_P(ForwarderTest, ARefusalIsBelievedAfterSomeTries) {
  size_t refusals = 0;
  sink_->Play([&](const events::Event& event) -> Result<void> {
    const auto offset = DataOf(event)["offset"];
    if (offset == 1 || (offset == 3 && ++refusals < 5)) return SinkError(SinkFault::kRejected);
    return {};
  });
  const Topic topic = Register();
  Publish(topic, 0, 5);
  Start();
  AwaitAcknowledged(topic, 5);
  EXPECT_THAT(Arrived(4), testing::UnorderedElementsAre(0, 2, 3, 4));
  EXPECT_EQ(forwarder_->status().refused, 1U);
  Stop();
}

TEST_P(ForwarderTest, WhatRetentionTookFirstIsToldAndCounted) {
  sink_->Play([](const auto&) { return SinkError(SinkFault::kNoStream); });
  const Topic topic = Register();
  Start();
  Await([&] { return forwarder_->status().topics.size() == 2; });
  Stop();
  Publish(topic, 0, 10);
  Trim(topic, 7);
  sink_->Play(nullptr);
  Start();
  const auto stream = sink_->Stream(4);
  EXPECT_EQ(stream[0].type, "dev.jammi.events.forwarding.gap.v1");
  EXPECT_EQ(DataOf(stream[0]),
            (json{{"topic", "numbers"}, {"firstOffset", 0}, {"nextOffset", 7}, {"reason", "trimmed"}}));
  EXPECT_THAT(Arrived(4), ElementsAre(7, 8, 9));
  EXPECT_EQ(forwarder_->status().gaps, 1U);
  Await([&] {
    const auto topics = forwarder_->status().topics;
    return std::ranges::any_of(topics, [](const auto& t) { return t.name == "numbers" && t.lost == 7; });
  });
}

TEST_P(ForwarderTest, ADamagedEventIsToldAndDoesNotStopTheOthers) {
  const Topic topic = Register();
  Publish(topic, 0, 5);
  const auto number = GetInt("SELECT topic_no AS v FROM topics WHERE topic_id = $1", {topic.id.ToString()});
  Sql("UPDATE events SET checksum = checksum + 1 WHERE event_key = $1", {EventKey(number, 2)});
  Start();
  EXPECT_THAT(Arrived(5), ElementsAre(0, 1, 3, 4));
  EXPECT_EQ(DataOf(sink_->Stream(5)[2])["reason"], "damaged");
  EXPECT_EQ(DataOf(sink_->Stream(5)[2])["firstOffset"], 2);
}

// A consumer keeps the schema that it was attached with; the forwarder must not.
TEST_P(ForwarderTest, ColumnsThatAreAppendedAreForwarded) {
  const Topic topic = Register();
  Publish(topic, 0, 1);
  Start();
  (void)Arrived(1);
  const auto grown = Ok(streams_->AppendColumns(kGlobal, topic.id, {arrow::field("text", arrow::utf8())}));
  arrow::StringBuilder texts;
  ASSERT_TRUE(texts.Append("new").ok());
  const auto batch = arrow::RecordBatch::Make(grown.schema, 1, {Batch(1)->column(0), *texts.Finish()});
  (void)Ok(streams_->Publish(kGlobal, topic.id, batch));
  EXPECT_EQ(DataOf(sink_->Stream(2)[1])["values"], (json{{"n", 1}, {"text", "new"}}));
}

TEST_P(ForwarderTest, WithoutTheLifecycleChangesAreReadAndNotTold) {
  Start();
  RegisterModel(kA, "ranker");
  const Topic topic = Register();
  Publish(topic, 0, 1);
  EXPECT_THAT(Types(1), ElementsAre("dev.jammi.events.row.published.v1"));
  Await([&] {
    const auto topics = forwarder_->status().topics;
    return topics.size() == 2 && std::ranges::all_of(topics, [](const auto& t) { return t.lag == 0; });
  });
}

// In another history of the catalog the same offset is another event: it has another id.
TEST_P(ForwarderTest, AfterABackupWasRestoredItGoesOnWithNewIds) {
  const Topic topic = Register();
  Publish(topic, 0, 2);
  Start();
  (void)Arrived(2);
  Stop();
  CloseStreams();
  Sql("UPDATE catalog_identity SET incarnation = '11111111-0000-4000-8000-000000000000'");
  Reopen();
  OpenStreams();
  Publish(topic, 2, 1);
  Start();
  EXPECT_EQ(Arrived(3), UpTo(3));
  EXPECT_THAT(sink_->Stream(3)[2].id, HasSubstr("11111111-0000"));
}

// What is under way when the engine ends has its outcome, or is sent again.
TEST_P(ForwarderTest, TheEndWaitsForOutcomesOnlySoLong) {
  options_.window = 3;
  options_.close_wait = std::chrono::milliseconds(1);
  const Topic topic = Register();
  Publish(topic, 0, 3);
  sink_->Hold();
  Start();
  sink_->AwaitHeld(3);
  Stop();
  EXPECT_EQ(ConsumerOf(topic).position, 0U);
  sink_->Release();  // to nobody any more
  Start();
  Await([&] { return sink_->doubles() == 3; });
  EXPECT_EQ(Arrived(3), UpTo(3));
}

TEST_P(ForwarderTest, NoMoreThanTheWindowIsUnderWay) {
  options_.window = 4;
  const Topic one = Register();
  const Topic two = Register("numbers", kA);
  Publish(one, 0, 10);
  Publish(two, 0, 10, kA);
  sink_->Hold();
  Start();
  sink_->AwaitHeld(4);
  Await([&] { return forwarder_->status().topics.size() == 3; });
  EXPECT_EQ(sink_->held(), 4U);
  sink_->Release();
  EXPECT_EQ(sink_->Stream(20).size(), 20U);
}

JAMMI_ON_EVERY_DATABASE(ForwarderTest);

}  // namespace
}  // namespace jammi::test
