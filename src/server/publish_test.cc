// jammi.v1.trigger.TriggerService/Publish: SRV-150...157
#include <arrow/io/memory.h>
#include <arrow/ipc/writer.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <thread>

#include "base/sync_point.h"
#include "server/stream_fixture.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

// A stream of IPC with these batches.
std::string StreamOf(const arrow::RecordBatchVector& batches, const std::shared_ptr<arrow::Schema>& schema) {
  const auto out = arrow::io::BufferOutputStream::Create().ValueOrDie();
  const auto writer = arrow::ipc::MakeStreamWriter(out, schema).ValueOrDie();
  for (const auto& batch : batches) EXPECT_TRUE(writer->WriteRecordBatch(*batch).ok());
  EXPECT_TRUE(writer->Close().ok());
  return out->Finish().ValueOrDie()->ToString();
}

class PublishTest : public StreamTest {
 protected:
  void SetUp() override { Register(kNobody, "t"); }
  void Expect(const wire::PublishRequest& request, ErrorCode code, const std::string& text) {
    const auto response = Publish(Client(kNobody), request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code(), code);
    EXPECT_THAT(response.error().message(), HasSubstr(text));
  }
  void ExpectNothingStored() {
    EXPECT_EQ(host().As(kNobody).topics().Stats(host().As(kNobody).topics().Find("t")->id)->events, 0);
  }
};

TEST_F(PublishTest, Srv153Srv155Case39TheFirstOffsetIsZeroAndTheTimeIsThatOfTheCommit) {
  const auto client = Client(kNobody);
  const auto response = Publish(client, PublishTo("t", BatchS(7)));
  JAMMI_OK(response);
  EXPECT_EQ(response->offset(), 0);
  const auto page = host().As(kNobody).ReadTopic("t", From::Offset(0));
  JAMMI_OK(page);
  ASSERT_EQ(page->deliveries.size(), 1);
  EXPECT_EQ(response->committed_at().seconds(), page->deliveries[0].produced_at / 1'000'000);
  EXPECT_EQ(response->committed_at().nanos(), page->deliveries[0].produced_at % 1'000'000 * 1000);
  EXPECT_EQ(PublishOk(client, "t", BatchS(8)), 1);
  EXPECT_THAT(host().metrics.Text(), HasSubstr("jammi_publish_rows_total 2"));
}

TEST_F(PublishTest, Srv155GoesOnAfterARestart) {
  EXPECT_EQ(PublishOk(Client(kNobody), "t", BatchS(1)), 0);
  Restart();
  EXPECT_EQ(PublishOk(Client(kNobody), "t", BatchS(2)), 1);
}

TEST_F(PublishTest, Srv150WantsATopicAndABatch) {
  wire::PublishRequest request = PublishTo("t", BatchS(1));
  request.clear_topic();
  Expect(request, ErrorCode::kInvalidArgument, "topic is required");
  request.mutable_topic();
  Expect(request, ErrorCode::kInvalidArgument, "topic is required");
  request.mutable_topic()->set_name("t");
  request.clear_batch();
  Expect(request, ErrorCode::kInvalidArgument, "batch is required");
  ExpectNothingStored();
}

TEST_F(PublishTest, Srv150Case41Case42DoesNotFindWhatIsNotThereOrAnothers) {
  Expect(PublishTo("nope", BatchS(1)), ErrorCode::kNotFound, "topic 'nope' not found");
  Register(kTenantA, "mine");
  const auto foreign = Publish(Client(kTenantB), PublishTo("mine", BatchS(1)));
  ASSERT_FALSE(foreign);
  EXPECT_EQ(foreign.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(foreign.error().message(), HasSubstr("topic 'mine' not found"));
}

TEST_F(PublishTest, Srv152Case40WantsTheSchemaOfTheTopic) {
  const auto other = arrow::schema({arrow::field("id", arrow::int32())});
  const auto batch = *arrow::RecordBatch::MakeEmpty(other);
  Expect(PublishTo("t", batch), ErrorCode::kInvalidArgument, "t");
  EXPECT_EQ(PublishOk(Client(kNobody), "t", BatchS(1)), 0);  // now it is remembered
  Expect(PublishTo("t", batch), ErrorCode::kInvalidArgument, "t");
}

// wire.md 5.3. pandas puts an entry into the schema's metadata.
TEST_F(PublishTest, Srv152DoesNotLookAtMetadata) {
  const auto batch = BatchS(1)->ReplaceSchemaMetadata(arrow::key_value_metadata({"pandas"}, {"{}"}));
  EXPECT_EQ(PublishOk(Client(kNobody), "t", batch), 0);
  EXPECT_EQ(PublishOk(Client(kNobody), "t", batch), 1);
}

TEST_F(PublishTest, Srv152WantsExactlyOneBatch) {
  wire::PublishRequest request;
  request.mutable_topic()->set_name("t");
  request.mutable_batch();
  Expect(request, ErrorCode::kInvalidArgument, "batch decode: ");
  request.mutable_batch()->set_data_body(StreamOf({}, SchemaS()));
  Expect(request, ErrorCode::kInvalidArgument, "batch decode: ");
  request.mutable_batch()->set_data_body(StreamOf({BatchS(1), BatchS(2)}, SchemaS()));
  Expect(request, ErrorCode::kInvalidArgument, "batch decode: ");
  ExpectNothingStored();
}

// Every beginning of a stream that is none yet, and every byte of it changed: refused, or a batch; never a
// crash, and what was stored can be read.
TEST_F(PublishTest, SurvivesTruncatedAndGarbledBatches) {
  const auto client = Client(kNobody);
  wire::PublishRequest request = PublishTo("t", BatchS(1, {"a", "b"}));
  const std::string whole = request.batch().data_body();
  uint64_t stored = 0;
  const auto send = [&](std::string bytes) {
    request.mutable_batch()->set_data_body(std::move(bytes));
    const auto response = Publish(client, request);
    if (response) {
      ++stored;
    } else {
      EXPECT_EQ(response.error().code(), ErrorCode::kInvalidArgument) << response.error().ToString();
    }
  };
  for (size_t size = 0; size < whole.size(); size += 7) send(whole.substr(0, size));
  for (size_t at = 0; at < whole.size(); at += 3) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0xFF);
    send(std::move(bytes));
  }
  const auto page = host().As(kNobody).ReadTopic("t", From::Offset(0));
  JAMMI_OK(page);
  EXPECT_EQ(page->deliveries.size(), stored);
}

// An event above trigger.max_batch_bytes.
TEST_F(PublishTest, RefusesABatchThatIsTooLarge) {
  Config config = ConfigIn(folder());
  config.trigger.max_batch_bytes = 4096;
  Restart(config);
  Expect(PublishTo("t", BatchS(1, {std::string(8192, 'x')})), ErrorCode::kInvalidArgument, "4096");
  EXPECT_EQ(PublishOk(Client(kNobody), "t", BatchS(1)), 0);
}

// The log stays whole, and the topic that takes the name is another one.
TEST_F(PublishTest, FollowsANameToTheTopicThatHasItNow) {
  const auto client = Client(kNobody);
  EXPECT_EQ(PublishOk(client, "t", BatchS(1)), 0);
  EXPECT_EQ(PublishOk(client, "t", BatchS(2)), 1);
  auto topics = host().As(kNobody).topics();
  JAMMI_OK(topics.Drop(topics.Find("t")->id));
  Expect(PublishTo("t", BatchS(3)), ErrorCode::kNotFound, "topic 't' not found");
  Register(kNobody, "t");
  EXPECT_EQ(PublishOk(client, "t", BatchS(4)), 0);
}

// A tenant's own topic hides the global one from the moment at which it is there.
TEST_F(PublishTest, Srv141GoesToTheOwnTopicAsSoonAsThereIsOne) {
  const auto client = Client(kTenantA);
  EXPECT_EQ(PublishOk(client, "t", BatchS(1)), 0);
  EXPECT_EQ(PublishOk(client, "t", BatchS(2)), 1);
  Register(kTenantA, "t");
  EXPECT_EQ(PublishOk(client, "t", BatchS(3)), 0);
}

// The schema that was remembered is not the topic's for ever.
TEST_F(PublishTest, TakesNewColumnsAsSoonAsTheyAreThere) {
  const auto client = Client(kNobody);
  EXPECT_EQ(PublishOk(client, "t", BatchS(1)), 0);
  auto topics = host().As(kNobody).topics();
  const auto added = arrow::field("note", arrow::utf8());
  JAMMI_OK(topics.AppendColumns(topics.Find("t")->id, {added}));
  auto wider = *BatchS(2)->AddColumn(3, added, *arrow::MakeArrayOfNull(arrow::utf8(), 1));
  EXPECT_EQ(PublishOk(client, "t", wider), 1);
  EXPECT_EQ(PublishOk(client, "t", BatchS(3)), 2);
  EXPECT_EQ(PublishOk(client, "t", wider), 3);
}

TEST_F(PublishTest, Srv151Srv156W09BodyTenantCountsOnlyForWhoHasNone) {
  Register(kTenantA, "mine");
  auto request = PublishTo("mine", BatchS(1));
  request.set_tenant_id(kTenantA);
  // Who has no tenant and has shown no credential could bind the session as well.
  const auto unbound = Publish(Client(kNobody), request);
  JAMMI_OK(unbound);
  JAMMI_OK(Publish(Client(kTenantA), request));
  const auto bound = Publish(Client(kTenantB), request);
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().code(), ErrorCode::kPermissionDenied);
  request.set_tenant_id("not-a-uuid");
  Expect(request, ErrorCode::kInvalidArgument, "tenant_id");
  request.set_tenant_id("00000000-0000-0000-0000-000000000000");
  Expect(request, ErrorCode::kInvalidArgument, "tenant_id");
  EXPECT_EQ(host().As(kTenantA).ReadTopic("mine", From::Offset(0))->deliveries.size(), 2);
}

TEST_F(PublishTest, Srv153ParallelPublishersGetDistinctGaplessOffsets) {
  constexpr int kThreads = 8;
  constexpr int kEach = 25;
  std::vector<uint64_t> offsets[kThreads];
  {
    std::vector<std::jthread> threads;
    for (auto& mine : offsets) {
      threads.emplace_back([this, &mine] {
        const auto client = Client(kNobody);
        for (int i = 0; i < kEach; ++i) mine.push_back(PublishOk(client, "t", BatchS(i)));
      });
    }
  }
  std::vector<uint64_t> all;
  for (const auto& mine : offsets) {
    EXPECT_TRUE(std::ranges::is_sorted(mine));
    all.insert(all.end(), mine.begin(), mine.end());
  }
  EXPECT_THAT(all, UnorderedElementsAreArray(Range(0, kThreads * kEach)));
}

// A subscriber that reads nothing does not hold up the publisher.
TEST_F(PublishTest, Srv154DoesNotWaitForSubscribers) {
  const auto idle = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  const auto big = BatchS(1, {std::string(1 << 20, 'x')});
  const auto client = Client(kNobody);
  for (uint64_t i = 0; i < 20; ++i) EXPECT_EQ(PublishOk(client, "t", big), i);
}

// The deadline is the engine's too: what did not begin in time is not in the log.
TEST_F(PublishTest, DeadlineThatHasPassedStoresNothing) {
  Result<PublishOutcome> outcome = Error(ErrorCode::kInternal, "no answer");
  std::promise<void> answered;
  host().publisher.Publish({.topic = "t", .batches = {BatchS(1)}, .deadline = Deadline::Now()},
                           [&](Result<PublishOutcome> got) {
                             outcome = std::move(got);
                             answered.set_value();
                           });
  answered.get_future().wait();
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().code(), ErrorCode::kDeadlineExceeded);
  ExpectNothingStored();
}

// gRPC's own threads publish. One that reads there waits for the database, and when all of them do, nobody is
// served: not even whoever asks whether the server is well.
TEST_F(PublishTest, Srv153NothingIsReadOnTheThreadsOfTheTransport) {
  Config config = ConfigIn(folder());
  config.quotas.max_bytes = 1 << 20;
  const auto clock = std::make_shared<ManualClock>(1'800'000'000'000'000);
  Restart(config, {.clock = clock});
  Register(kTenantA, "mine");
  EXPECT_EQ(PublishOk(Client(kTenantA), "mine", BatchS(1)), 0);  // now it is remembered
  clock->Advance(std::chrono::minutes(1));                       // a pause: the sum must be read again
  std::atomic<int> sums = 0;
  std::atomic<bool> here = false;
  SetSyncPoint("Quotas::Prepare.sum", [&, caller = std::this_thread::get_id()] {
    ++sums;
    if (std::this_thread::get_id() == caller) here = true;
  });
  std::promise<Result<PublishOutcome>> answer;
  host().publisher.Publish(
      {.scope = Scope::ForTenant(*TenantId::Parse(kTenantA)), .topic = "mine", .batches = {BatchS(2)}},
      [&](Result<PublishOutcome> outcome) { answer.set_value(std::move(outcome)); });
  const auto outcome = answer.get_future().get();
  ClearSyncPoints();
  JAMMI_OK(outcome);
  EXPECT_EQ(outcome->offset.value, 1U);
  EXPECT_EQ(sums, 1);
  EXPECT_FALSE(here) << "the caller has read it himself";
}

}  // namespace
}  // namespace jammi::test
