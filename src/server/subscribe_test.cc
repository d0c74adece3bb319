// jammi.v1.trigger.TriggerService/Subscribe: SRV-160...168
#include <sys/resource.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "server/stream_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SubscribeTest : public StreamTest {
 protected:
  void SetUp() override { Register(kNobody, "t"); }
  void PublishN(const std::string& session, int count, const std::string& topic = "t") {
    const auto client = Client(session);
    for (int i = 0; i < count; ++i) PublishOk(client, topic, BatchS(i));
  }
  void Refuses(const wire::SubscribeRequest& request, ErrorCode code, const std::string& text) {
    auto events = Subscribe(Client(kNobody), request);
    const auto end = EndOf(events);
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code(), code);
    EXPECT_THAT(end.error().message(), HasSubstr(text));
  }
  [[nodiscard]] bool AllGone() {
    return Eventually([this] { return open_streams() == 0 && NobodySubscribes(); });
  }
};

TEST_F(SubscribeTest, Srv160WantsATopicThatIsThere) {
  Refuses({}, ErrorCode::kInvalidArgument, "topic is required");
  Refuses(SubscribeTo("nope"), ErrorCode::kNotFound, "topic 'nope' not found");
  Register(kTenantA, "mine");
  auto events = Subscribe(Client(kTenantB), SubscribeTo("mine"));
  const auto end = EndOf(events);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::kNotFound);
  EXPECT_TRUE(AllGone());
}

TEST_F(SubscribeTest, Srv160Srv161Case46RefusesAPredicateBeforeTheStreamBegins) {
  Refuses(SubscribeTo("t", 0, "SUM(id) > 0"), ErrorCode::kInvalidArgument, "");
  Refuses(SubscribeTo("t", 0, "((("), ErrorCode::kInvalidArgument, "");
  Refuses(SubscribeTo("t", 0, "no_such_column = 1"), ErrorCode::kInvalidArgument, "no_such_column");
}

TEST_F(SubscribeTest, Srv163Srv164Srv168Case43DeliversLiveInOrder) {
  PublishN(kNobody, 3);
  auto events = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  PublishN(kNobody, 5);
  EXPECT_THAT(NextOffsets(events, 5), ElementsAre(3, 4, 5, 6, 7));
}

// The rows are the same, the schema is, and the time is the commit's.
TEST_F(SubscribeTest, Srv163Case44ReplaysFromAnOffset) {
  const auto client = Client(kNobody);
  const auto sent = BatchS(7, {"a", "b"});
  const auto response = Publish(client, PublishTo("t", sent));
  JAMMI_OK(response);
  PublishN(kNobody, 3);
  auto events = Subscribe(client, SubscribeTo("t", 0));
  const auto first = events.Read();
  JAMMI_OK(first);
  ASSERT_TRUE(first->has_value());
  EXPECT_TRUE(BatchOf(**first)->Equals(*sent, /*check_metadata=*/true));
  EXPECT_EQ((*first)->produced_at().seconds(), response->committed_at().seconds());
  EXPECT_EQ((*first)->produced_at().nanos(), response->committed_at().nanos());
  EXPECT_THAT(NextOffsets(events, 3), ElementsAre(1, 2, 3));
  auto later = Subscribe(client, SubscribeTo("t", 2));
  EXPECT_THAT(NextOffsets(later, 2), ElementsAre(2, 3));
}

TEST_F(SubscribeTest, Srv165ReplayOnlyEnds) {
  PublishN(kNobody, 4);
  auto request = SubscribeTo("t", 1);
  request.set_replay_only(true);
  auto events = Subscribe(Client(kNobody), request);
  EXPECT_THAT(AllOffsets(events), ElementsAre(1, 2, 3));
  request.clear_from_offset();
  auto none = Subscribe(Client(kNobody), request);
  EXPECT_THAT(AllOffsets(none), IsEmpty());
  request.set_from_offset(1000);
  auto beyond = Subscribe(Client(kNobody), request);
  EXPECT_THAT(AllOffsets(beyond), IsEmpty());
}

// SRV-163, wire.md 4.3: 0 is everything that is retained; any other offset that is gone is missed by
// somebody.
TEST_F(SubscribeTest, Srv163ZeroIsWhatIsRetained) {
  PublishN(kNobody, 6);
  auto topics = host().As(kNobody).topics();
  const auto id = topics.Find("t")->id;
  JAMMI_OK(topics.SetRetention(id, {.max_events = 2}));
  ASSERT_TRUE(Eventually([&] { return topics.Stats(id)->low_water == 4; }));
  auto request = SubscribeTo("t", 0);
  request.set_replay_only(true);
  auto events = Subscribe(Client(kNobody), request);
  EXPECT_THAT(AllOffsets(events), ElementsAre(4, 5));
  Refuses(SubscribeTo("t", 1), ErrorCode::kFailedPrecondition, "1");
}

TEST_F(SubscribeTest, Srv162Case45PredicateChoosesRowsAndOffsetsKeepTheirValues) {
  const auto client = Client(kNobody);
  auto live = SubscribeLive(client, SubscribeTo("t", std::nullopt, "kind = 'X'"));
  for (int i = 0; i < 6; ++i) PublishOk(client, "t", BatchS(i, {i % 2 == 0 ? "X" : "Y"}));
  EXPECT_THAT(NextOffsets(live, 3), ElementsAre(0, 2, 4));
  auto request = SubscribeTo("t", 0, "kind = 'X'");
  request.set_replay_only(true);
  auto replay = Subscribe(client, request);
  EXPECT_THAT(AllOffsets(replay), ElementsAre(0, 2, 4));
}

TEST_F(SubscribeTest, Case49PredicateCutsABatch) {
  const auto client = Client(kNobody);
  PublishOk(client, "t", BatchS(1, {"click", "view", "click"}));
  auto some = Subscribe(client, SubscribeTo("t", 0, "kind = 'click'"));
  EXPECT_THAT(Ids(**some.Read()), ElementsAre(1, 3));
  auto all = Subscribe(client, SubscribeTo("t", 0));
  EXPECT_THAT(Ids(**all.Read()), ElementsAre(1, 2, 3));
}

TEST_F(SubscribeTest, Srv157Case50GlobalTopicShowsATenantItsOwnAndTheGlobalEvents) {
  auto mine = SubscribeLive(Client(kTenantA), SubscribeTo("t"));
  auto nobodys = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  PublishN(kNobody, 1);
  PublishN(kTenantB, 1);
  PublishN(kTenantA, 1);
  PublishN(kNobody, 1);
  EXPECT_THAT(NextOffsets(mine, 3), ElementsAre(0, 2, 3));
  EXPECT_THAT(NextOffsets(nobodys, 2), ElementsAre(0, 3));
}

TEST_F(SubscribeTest, Srv151W09BodyTenantCountsOnlyForWhoHasNone) {
  Register(kTenantA, "mine");
  auto request = SubscribeTo("mine");
  request.set_tenant_id(kTenantA);
  auto events = SubscribeLive(Client(kNobody), request);
  PublishN(kTenantA, 1, "mine");
  EXPECT_THAT(NextOffsets(events, 1), ElementsAre(0));
  auto bound = Subscribe(Client(kTenantB), request);
  EXPECT_EQ(EndOf(bound).error().code(), ErrorCode::kPermissionDenied);
  request.set_tenant_id("not-a-uuid");
  Refuses(request, ErrorCode::kInvalidArgument, "tenant_id");
}

TEST_F(SubscribeTest, Srv143EndsInOrderWhenTheTopicIsDropped) {
  auto events = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  PublishN(kNobody, 1);
  auto topics = host().As(kNobody).topics();
  EXPECT_THAT(NextOffsets(events, 1), ElementsAre(0));
  JAMMI_OK(topics.Drop(topics.Find("t")->id));
  EXPECT_THAT(AllOffsets(events), IsEmpty());
  EXPECT_TRUE(AllGone());
}

TEST_F(SubscribeTest, Srv010DrainEndsOpenStreamsWithUnavailable) {
  auto events = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  std::jthread drain([this] { host().port->Shutdown(Deadline::After(std::chrono::seconds(30))); });
  const auto end = EndOf(events);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code(), ErrorCode::kUnavailable);
  EXPECT_THAT(end.error().message(), HasSubstr("the server is shutting down"));
}

TEST_F(SubscribeTest, Case47NothingIsLostForWhoComesAgain) {
  PublishN(kNobody, 3);
  {
    auto events = Subscribe(Client(kNobody), SubscribeTo("t", 0));
    EXPECT_THAT(NextOffsets(events, 2), ElementsAre(0, 1));
    PublishN(kNobody, 3);
  }
  PublishN(kNobody, 3);
  auto again = Subscribe(Client(kNobody), SubscribeTo("t", 0));
  EXPECT_EQ(NextOffsets(again, 9), Range(0, 9));
}

// Those who come while others publish miss nothing between the replay and what is live.
TEST_F(SubscribeTest, Srv163W08HasNoGapBetweenReplayAndLive) {
  constexpr uint64_t kEvents = 600;
  std::atomic<uint64_t> published = 0;
  std::jthread publisher([&] {
    const auto client = Client(kNobody);
    for (; published < kEvents; ++published) PublishOk(client, "t", BatchS(1));
  });
  std::vector<std::jthread> readers;
  for (uint64_t reader = 0; reader < 8; ++reader) {
    readers.emplace_back([this, reader, &published] {
      EXPECT_TRUE(Eventually([&] { return published >= reader * kEvents / 10; }));
      auto events = Subscribe(Client(kNobody), SubscribeTo("t", 0));
      EXPECT_EQ(NextOffsets(events, kEvents), Range(0, kEvents));
    });
  }
}

// Descriptors, streams and subscriptions of a hundred clients, all gone without a word.
TEST_F(SubscribeTest, Srv166ClientsThatAreKilledLeaveNothing) {
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  auto staying = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  PublishN(kNobody, 1);
  EXPECT_EQ(NextOffsets(staying, 1), Range(0, 1));
  const auto before = descriptors();
  {
    std::vector<Events> killed;
    for (int i = 0; i < 100; ++i) killed.push_back(SubscribeLive(Client(kNobody), SubscribeTo("t")));
    EXPECT_EQ(open_streams(), 101);
    EXPECT_GE(descriptors(), before + 150);  // both ends are here, and others were still going
    PublishN(kNobody, 10);
    for (auto& events : killed) EXPECT_EQ(NextOffsets(events, 1), Range(1, 2));
  }
  EXPECT_TRUE(Eventually([this] { return open_streams() == 1; }));
  PublishN(kNobody, 1);
  EXPECT_EQ(NextOffsets(staying, 11), Range(1, 12));  // nobody else was disturbed
  EXPECT_TRUE(Eventually([&] { return descriptors() <= before; })) << descriptors() << " after " << before;
  staying.Cancel();
  EXPECT_TRUE(AllGone());
}

// SRV-055: the topic by its id, for names are not for everybody.
TEST_F(SubscribeTest, Srv055SubscribersAreCountedWithTheirLag) {
  const std::string topic = host().As(kNobody).topics().Find("t")->id.ToString();
  const auto says = [&](const std::string& metric, int value) {
    return host().metrics.Text().find("\n" + metric + "{topic=\"" + topic + "\"} " + std::to_string(value) +
                                      "\n") != std::string::npos;
  };
  auto quick = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  auto slow = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  EXPECT_TRUE(says("jammi_subscribers", 2));
  EXPECT_TRUE(says("jammi_subscriber_lag_batches", 0));
  const auto client = Client(kNobody);
  const auto big = BatchS(1, {std::string(1 << 20, 'x')});
  constexpr uint64_t kEvents = 60;
  for (uint64_t i = 0; i < kEvents; ++i) PublishOk(client, "t", big);
  EXPECT_EQ(NextOffsets(quick, kEvents), Range(0, kEvents));
  EXPECT_FALSE(says("jammi_subscriber_lag_batches", 0)) << "nobody takes 60 MiB without reading";
  EXPECT_EQ(NextOffsets(slow, kEvents), Range(0, kEvents));
  EXPECT_TRUE(Eventually([&] { return says("jammi_subscriber_lag_batches", 0); }));
  slow.Cancel();
  EXPECT_TRUE(Eventually([&] { return says("jammi_subscribers", 1); }));
  quick.Cancel();
  EXPECT_TRUE(AllGone());
}

// Who reads nothing holds up nobody, has what fits into the connection in memory and no more, and gets
// everything when he reads on.
TEST_F(SubscribeTest, Srv167W08SlowReaderCostsOnlyItselfAndMissesNothing) {
  const auto resident = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024;
  };
  auto slow = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  auto quick = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  const auto client = Client(kNobody);
  const auto big = BatchS(1, {std::string(1 << 20, 'x')});
  constexpr uint64_t kEvents = 120;
  for (uint64_t i = 0; i < 20; ++i) {
    PublishOk(client, "t", big);
    EXPECT_EQ(NextOffsets(quick, 1), Range(i, i + 1));
  }
  const auto before = resident();
  for (uint64_t i = 20; i < kEvents; ++i) {
    PublishOk(client, "t", big);
    EXPECT_EQ(NextOffsets(quick, 1), Range(i, i + 1));
  }
#ifndef __SANITIZE_ADDRESS__  // it keeps what is freed
  EXPECT_LT(resident() - before, 60 << 20);
#else
  EXPECT_GT(resident(), before / 2);
#endif
  EXPECT_EQ(NextOffsets(slow, kEvents), Range(0, kEvents));
}

// A schema that grows while somebody reads: who is attached keeps what he had, and all his batches are
// equal in it (wire.md 5.4).
TEST_F(SubscribeTest, KeepsTheSchemaItBeganWith) {
  auto events = SubscribeLive(Client(kNobody), SubscribeTo("t"));
  PublishN(kNobody, 1);
  auto topics = host().As(kNobody).topics();
  const auto added = arrow::field("note", arrow::utf8());
  JAMMI_OK(topics.AppendColumns(topics.Find("t")->id, {added}));
  auto wider = *BatchS(2)->AddColumn(3, added, *arrow::MakeArrayOfNull(arrow::utf8(), 1));
  PublishOk(Client(kNobody), "t", wider);
  for (int i = 0; i < 2; ++i) {
    const auto event = events.Read();
    JAMMI_OK(event);
    ASSERT_TRUE(event->has_value());
    EXPECT_TRUE(BatchOf(**event)->schema()->Equals(*SchemaS()));
  }
}

// Columns of dictionaries: they travel before the rows.
TEST_F(SubscribeTest, CarriesDictionaries) {
  const auto type = arrow::dictionary(arrow::int8(), arrow::utf8());
  const auto schema = arrow::schema({arrow::field("word", type)});
  const auto indices = *arrow::MakeArrayFromScalar(arrow::Int8Scalar(1), 2);
  const auto words = BatchS(1, {"a", "b"})->column(1);
  const auto sent =
      arrow::RecordBatch::Make(schema, 2, {std::make_shared<arrow::DictionaryArray>(type, indices, words)});
  JAMMI_OK(host().As(kNobody).topics().Register("words", schema));
  EXPECT_EQ(PublishOk(Client(kNobody), "words", sent), 0);
  auto events = Subscribe(Client(kNobody), SubscribeTo("words", 0));
  const auto event = events.Read();
  JAMMI_OK(event);
  ASSERT_TRUE(event->has_value());
  EXPECT_TRUE(BatchOf(**event)->Equals(*sent));
}

}  // namespace
}  // namespace jammi::test
