// Columns appended to a topic's schema: who sees which columns of which event, and what is refused.
#include <future>
#include <thread>

#include "catalog/changes.h"
#include "trigger/memory_broker.h"
#include "trigger/test_support.h"

namespace jammi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::shared_ptr<arrow::Field> Depth() { return arrow::field("depth", arrow::float64()); }
std::shared_ptr<arrow::Field> Net() { return arrow::field("net", arrow::utf8()); }

std::shared_ptr<arrow::Schema> With(const arrow::FieldVector& appended) {
  auto fields = SchemaS()->fields();
  fields.insert(fields.end(), appended.begin(), appended.end());
  return arrow::schema(fields);
}

// BatchS with a depth of 10 times the id.
std::shared_ptr<arrow::RecordBatch> DeepBatch(int64_t id, int64_t rows = 1) {
  const auto batch = BatchS(id, "X", rows);
  arrow::DoubleBuilder depths;
  for (int64_t row = 0; row < rows; ++row) {
    EXPECT_TRUE(depths.Append(static_cast<double>(10 * (id + row))).ok());
  }
  return *batch->AddColumn(3, Depth(), *depths.Finish());
}

class EvolutionTest : public StreamsTest {
 protected:
  Topic Append(const Topic& topic, const arrow::FieldVector& fields, const Scope& scope = Scope::Global()) {
    auto grown = streams_->AppendColumns(scope, topic.id, fields);
    EXPECT_TRUE(grown) << grown.error().ToString();
    return grown ? *grown : topic;
  }
  // What the topic's schema is for who asks now.
  std::shared_ptr<arrow::Schema> SchemaOf(const Topic& topic) {
    return streams_->FindTopic(Scope::Global(), topic.id)->schema;
  }
};

// --- Reading ------------------------------------------------------------------------------------------

TEST_F(EvolutionTest, OldEventsReadNullsInTheNewColumns) {
  const Topic topic = Register("t");
  Publish(topic, BatchS(1, "X", 2));
  const Topic grown = Append(topic, {Depth(), Net()});
  EXPECT_TRUE(grown.schema->Equals(*With({Depth(), Net()})));
  Publish(grown, *DeepBatch(5)->AddColumn(4, Net(), *arrow::MakeArrayOfNull(arrow::utf8(), 1)));
  for (int round = 0; round < 2; ++round, Reopen()) {
    const auto events = Replay(topic);
    ASSERT_EQ(events.size(), 2U);
    for (const auto& event : events) EXPECT_TRUE(event.batch->schema()->Equals(*grown.schema));
    EXPECT_EQ(events[0].batch->column(3)->null_count(), 2);
    EXPECT_EQ(events[0].batch->column(4)->null_count(), 2);
    EXPECT_TRUE(events[1].batch->column(3)->Equals(*DeepBatch(5)->column(3)));
  }
}

TEST_F(EvolutionTest, AnOpenSubscriptionKeepsTheSchemaItWasOpenedWith) {
  const Topic topic = Register("t");
  Publish(topic, BatchS(1));
  const auto live = Subscribe(topic, From::Newest(), "id >= 5");
  const auto late = Subscribe(topic, From::Offset(0));
  Append(topic, {Depth()});
  Publish(topic, DeepBatch(4, 3));
  EXPECT_EQ(NextOf(*late).offset, 0U);
  for (Subscription* old : {live.get(), late.get()}) {
    const auto event = NextOf(*old);
    EXPECT_TRUE(event.batch->schema()->Equals(*SchemaS())) << event.batch->schema()->ToString();
    EXPECT_EQ(event.batch->num_rows(), old == live.get() ? 2 : 3);
  }
}

// Far behind, it reads pages of the log.
TEST_F(EvolutionTest, AnOldLaggardReadsNewEventsFromTheLog) {
  options_.ring_bytes = 1;
  Reopen();
  const Topic topic = Register("t");
  const auto slow = Subscribe(topic, From::Newest(), "value IS NOT NULL");
  Append(topic, {Depth()});
  for (int64_t i = 0; i < 20; ++i) Publish(topic, i % 2 == 0 ? DeepBatch(i) : BatchS(i));
  for (uint64_t i = 0; i < 20; ++i) {
    const auto event = NextOf(*slow);
    ASSERT_EQ(event.offset, i);
    EXPECT_TRUE(event.batch->Equals(*BatchS(static_cast<int64_t>(i))));
  }
}

TEST_F(EvolutionTest, APredicateOnANewColumnIsNullForOldEvents) {
  const Topic topic = Register("t");
  Publish(topic, BatchS(1));
  EXPECT_FALSE(streams_->Subscribe(Scope::Global(), topic.id, From::Offset(0), {.predicate = "depth > 0"}));
  Append(topic, {Depth()});
  Publish(topic, DeepBatch(2));
  Publish(topic, BatchS(3));
  EXPECT_THAT(Offsets(Replay(topic, Scope::Global(), "depth > 0")), ElementsAre(1));
  EXPECT_THAT(Offsets(Replay(topic, Scope::Global(), "depth IS NULL")), ElementsAre(0, 2));
}

// Equal texts of predicates too: they are bound to different schemas.
TEST_F(EvolutionTest, VersionsShareAnEventAndNeverItsBatch) {
  const Topic topic = Register("t");
  const auto attach = [&](const std::string& predicate) {
    return std::array{Subscribe(topic, From::Newest(), predicate),
                      Subscribe(topic, From::Newest(), predicate)};
  };
  for (const char* predicate : {"", "id >= 2"}) {
    SCOPED_TRACE(predicate);
    const auto before = attach(predicate);
    const int old_columns = topic.schema->num_fields() + (*predicate == '\0' ? 0 : 1);
    const auto field = *predicate == '\0' ? Depth() : Net();
    Append(topic, {field});
    const auto after = attach(predicate);
    Publish(topic, DeepBatch(1, 2));
    const auto old_batch = NextOf(*before[0]).batch;
    const auto new_batch = NextOf(*after[0]).batch;
    EXPECT_EQ(old_batch->num_columns(), old_columns);
    EXPECT_EQ(new_batch->num_columns(), old_columns + 1);
    EXPECT_EQ(old_batch.get(), NextOf(*before[1]).batch.get());
    EXPECT_EQ(new_batch.get(), NextOf(*after[1]).batch.get());
  }
}

// --- Publishing ---------------------------------------------------------------------------------------

TEST_F(EvolutionTest, PublishersOfEveryVersionAreAcceptedAndNoOthers) {
  const Topic topic = Register("t");
  Append(topic, {Depth()});
  Append(topic, {Net(), arrow::field("felt", arrow::int32())});
  Publish(topic, BatchS(1));
  Publish(topic, DeepBatch(2));
  const auto nets = *arrow::MakeArrayOfNull(arrow::utf8(), 1);
  const auto felt = *arrow::MakeArrayOfNull(arrow::int32(), 1);
  const auto four = *DeepBatch(3)->AddColumn(4, Net(), nets);
  Publish(topic, *four->AddColumn(5, arrow::field("felt", arrow::int32()), felt));
  const auto refuse = [&](const std::shared_ptr<arrow::RecordBatch>& batch, const std::string& column) {
    const auto refused = streams_->Publish(Scope::Global(), topic.id, batch, Soon());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
    const auto* detail = refused.error().As<BatchSchemaMismatchDetail>();
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->column, column);
    EXPECT_TRUE(!column.empty() || detail->expected == "6 columns") << detail->expected;
  };
  refuse(four, "");  // no version had five columns
  refuse(*BatchS(1)->SelectColumns({0, 1}), "");
  refuse(*BatchS(1)->AddColumn(3, Net(), nets), "depth");
  refuse(*BatchS(1)->AddColumn(3, Depth()->WithNullable(false), DeepBatch(1)->column(3)), "depth");
  refuse(
      *four->AddColumn(5, arrow::field("felt", arrow::int64()), *arrow::MakeArrayOfNull(arrow::int64(), 1)),
      "felt");
  EXPECT_EQ(Replay(topic).size(), 3U);
}

TEST_F(EvolutionTest, PublishAsyncTakesEveryVersionInOrder) {
  const Topic topic = Register("t");
  Append(topic, {Depth()});
  std::vector<std::promise<Result<Offset>>> answers(40);
  for (int64_t i = 0; i < 40; ++i) {
    streams_->PublishAsync(Scope::Global(), topic.id, i % 2 == 0 ? BatchS(i) : DeepBatch(i), Soon(),
                           [&, i](Result<Offset> offset) { answers[i].set_value(std::move(offset)); });
  }
  for (uint64_t i = 0; i < 40; ++i) {
    const auto offset = answers[i].get_future().get();
    JAMMI_OK(offset);
    EXPECT_EQ(offset->value, i);
  }
}

// --- Appending ----------------------------------------------------------------------------------------

TEST_F(EvolutionTest, WhatIsAppendedIsCheckedAsAtRegistration) {
  const Topic topic = Register("t");
  const auto refuse = [&](const arrow::FieldVector& fields, const std::string& named) {
    const auto refused = streams_->AppendColumns(Scope::Global(), topic.id, fields);
    ASSERT_FALSE(refused) << named;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument) << refused.error().ToString();
    EXPECT_THAT(refused.error().message(), HasSubstr(named));
  };
  refuse({}, "no columns");
  refuse({nullptr}, "missing");
  refuse({arrow::field("depth", arrow::float64(), /*nullable=*/false)}, "'depth' must be nullable");
  refuse({arrow::field("_Offset", arrow::int64())}, "reserved");
  refuse({arrow::field("", arrow::int64())}, "empty");
  refuse({Depth(), arrow::field("DEPTH", arrow::int32())}, "twice");
  refuse({arrow::field(std::string(2 << 20, 'x'), arrow::int32())}, "bytes");
  std::shared_ptr<arrow::DataType> deep = arrow::int32();
  for (int level = 0; level < 64; ++level) deep = arrow::list(deep);
  refuse({arrow::field("deep", deep)}, "unsupported topic schema type");
  EXPECT_TRUE(SchemaOf(topic)->Equals(*SchemaS())) << "nothing has changed";
}

TEST_F(EvolutionTest, TheSameColumnsAgainExistAndOthersOfTheirNamesConflict) {
  const Topic topic = Register("t");
  Append(topic, {Depth(), Net()});
  const auto code = [&](const arrow::FieldVector& fields) {
    const auto refused = streams_->AppendColumns(Scope::Global(), topic.id, fields);
    EXPECT_FALSE(refused);
    EXPECT_NE(refused.error().As<SchemaConflictDetail>(), nullptr) << refused.error().ToString();
    return refused.error().code();
  };
  EXPECT_EQ(code({Depth(), Net()}), ErrorCode::kAlreadyExists);
  EXPECT_EQ(code({Net()}), ErrorCode::kAlreadyExists);
  EXPECT_EQ(code({arrow::field("value", arrow::float64())}), ErrorCode::kAlreadyExists) << "from the start";
  EXPECT_EQ(code({Depth(), arrow::field("felt", arrow::int32())}), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(code({arrow::field("depth", arrow::float32())}), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(code({arrow::field("Depth", arrow::float64())}), ErrorCode::kFailedPrecondition);
  EXPECT_TRUE(SchemaOf(topic)->Equals(*With({Depth(), Net()})));
}

TEST_F(EvolutionTest, OnlyTheOwnerAppends) {
  const Topic mine = Register("mine", a_);
  const Topic global = Register("global");
  for (const auto& [scope, topic] : {std::pair{b_, mine}, {Scope::Global(), mine}, {a_, global}}) {
    const auto refused = streams_->AppendColumns(scope, topic.id, {Depth()});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kNotFound);
    EXPECT_NE(refused.error().As<TopicNotFoundDetail>(), nullptr);
  }
  const auto changes = streams_->FindTopic(Scope::Global(), kChangesTopicName);
  EXPECT_EQ(streams_->AppendColumns(Scope::Global(), changes->id, {Depth()}).error().code(),
            ErrorCode::kPermissionDenied);
  Append(mine, {Depth()}, a_);
  JAMMI_OK(streams_->DropTopic(a_, mine.id));
  EXPECT_EQ(streams_->AppendColumns(a_, mine.id, {Net()}).error().code(), ErrorCode::kNotFound);
}

TEST_F(EvolutionTest, AChangeIsAnEvent) {
  const Topic topic = Register("t", a_);
  const auto subscribe = [&](const Scope& scope) {
    return *streams_->Subscribe(scope, kChangesTopicName, From::Newest());
  };
  const auto mine = subscribe(a_);
  const auto others = subscribe(b_);
  Append(topic, {Depth()}, a_);
  const auto event = NextOf(*mine);
  EXPECT_EQ(event.batch->column(1)->ToString(),
            (*arrow::MakeArrayFromScalar(arrow::StringScalar("updated"), 1))->ToString());
  EXPECT_EQ(event.batch->column(4)->ToString(),
            (*arrow::MakeArrayFromScalar(arrow::Int64Scalar(2), 1))->ToString());
  ExpectNothing(*others);
}

TEST_F(EvolutionTest, OfManyAtOnceEachColumnIsAppendedOnce) {
  const Topic topic = Register("t");
  const auto live = Subscribe(topic, From::Newest());
  std::atomic<int> appended = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) {
        const auto field = arrow::field(fmt::format("c{}", i), arrow::int32());
        const auto done = streams_->AppendColumns(Scope::Global(), topic.id, {field});
        if (done) ++appended;
        EXPECT_TRUE(done || done.error().code() == ErrorCode::kAlreadyExists);
        Publish(topic, BatchS(10 * thread + i));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(appended, 10);
  EXPECT_EQ(SchemaOf(topic)->num_fields(), 13);
  EXPECT_EQ(NextOffsets(*live, 40), Range(0, 40));
  Reopen();
  for (const auto& event : Replay(topic)) EXPECT_EQ(event.batch->num_columns(), 13);
}

// --- A process that has not heard of it ---------------------------------------------------------------

class StaleTest : public FeedsTest {
 protected:
  static TopicEntry Later(const TopicEntry& topic) {
    TopicEntry later = topic;
    later.topic.schema = With({Depth()});
    const std::vector<int64_t> earlier = {3};
    later.codec = *EventCodec::Make(later.topic.schema, earlier);
    return later;
  }
  const TopicEntry later_ = Later(topic_);
};

TEST_F(StaleTest, AnOldEntryReadsNewEventsCut) {
  const auto live = Attach(From::Newest(), "id >= 0");
  const auto deep = DeepBatch(1);
  const auto flat = BatchS(2);
  JAMMI_OK(publisher_.Publish(later_, Scope::Global(), {&deep, 1}, {}, Soon()));
  JAMMI_OK(publisher_.Publish(topic_, Scope::Global(), {&flat, 1}, {}, Soon()));
  const auto replay = Attach(From::Offset(0));
  for (Subscription* each : {live.get(), replay.get()}) {
    EXPECT_TRUE(NextOf(*each).batch->Equals(*BatchS(1)));
    EXPECT_TRUE(NextOf(*each).batch->Equals(*BatchS(2)));
  }
  const auto newest = feeds_->Attach(later_, Scope::Global(), From::Offset(0), {.predicate = "depth = 10"});
  JAMMI_OK(newest);
  EXPECT_TRUE(NextOf(**newest).batch->Equals(*DeepBatch(1)));
}

// --- The broker ---------------------------------------------------------------------------------------

TEST_F(EvolutionTest, Trg050ADriverGrowsWithTheTopicAndItsSubscriptionsDoNot) {
  Close();
  broker_ = NewMemoryBroker();
  Open();
  const Topic topic = Register("t");
  const auto old = *broker_->Subscribe(topic.id, Predicate::MatchAll(), std::nullopt);
  const Topic grown = Append(topic, {Depth()});
  const auto young = *broker_->Subscribe(topic.id, *Predicate::Compile("depth > 0", grown.schema), 0);
  Publish(topic, DeepBatch(1));
  Publish(topic, BatchS(2));
  EXPECT_TRUE(NextOf(*old).batch->Equals(*BatchS(1)));
  EXPECT_TRUE(NextOf(*old).batch->Equals(*BatchS(2)));
  EXPECT_TRUE(NextOf(*young).batch->Equals(*DeepBatch(1)));
  EXPECT_EQ(broker_->RegisterTopic(topic).error().code(), ErrorCode::kFailedPrecondition);
  JAMMI_OK(broker_->RegisterTopic(grown));
}

// It grew in another process: the driver here hears of it with the first event.
TEST_F(EvolutionTest, ADriverThatMissedTheGrowthLearnsOfItFromAnEvent) {
  const Topic topic = Register("t");
  const Topic grown = Append(topic, {Depth()});
  Close();
  broker_ = NewMemoryBroker();
  Open();
  JAMMI_OK(broker_->RegisterTopic(topic));
  const auto old = *broker_->Subscribe(topic.id, Predicate::MatchAll(), std::nullopt);
  Publish(topic, DeepBatch(1));
  EXPECT_TRUE(NextOf(*old).batch->Equals(*BatchS(1)));
  JAMMI_OK(broker_->RegisterTopic(grown));
}

TEST(MemoryBrokerGrowth, OnlyNullableColumnsAtTheEndAreGrowth) {
  const auto broker = NewMemoryBroker();
  Topic topic{.id = TopicId(Uuid::RandomV4()), .name = "t", .schema = SchemaS()};
  JAMMI_OK(broker->GrowTopic(topic));  // not known before
  const auto refuse = [&](const std::shared_ptr<arrow::Schema>& schema) {
    Topic other = topic;
    other.schema = schema;
    const auto refused = broker->GrowTopic(other);
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().As<SchemaConflictDetail>(), nullptr);
  };
  refuse(With({Depth()->WithNullable(false)}));
  refuse(arrow::schema({arrow::field("id", arrow::int64()), Depth()}));
  Topic grown = topic;
  grown.schema = With({Depth()});
  JAMMI_OK(broker->GrowTopic(grown));
  JAMMI_OK(broker->GrowTopic(grown));
  JAMMI_OK(broker->GrowTopic(topic));  // an earlier version
  refuse(With({Net()}));
  JAMMI_OK(broker->Publish(topic.id, BatchS(1), 0, 0, std::nullopt));
  JAMMI_OK(broker->Publish(topic.id, DeepBatch(1), 0, 1, std::nullopt));
}

}  // namespace
}  // namespace jammi
