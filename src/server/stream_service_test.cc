// jammi.ext.v1.StreamService, but for Consume.
#include "server/stream_fixture.h"
#include "server/wire_time.h"

namespace jammi::test {
namespace {

using google::protobuf::Empty;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

class StreamServiceTest : public StreamTest {
 protected:
  void SetUp() override {
    Register(kTenantA, "t");
    client_.emplace(Client(kTenantA));
  }
  template <class Response, class Request>
  Result<Response> Call(const std::string& method, const Request& request) {
    return client_->Call<Response>(("/jammi.ext.v1.StreamService/" + method).c_str(), request);
  }
  ext::PublishManyRequest Many(int count, const std::string& key = {}) {
    ext::PublishManyRequest request;
    request.set_topic("t");
    request.set_producer_key(key);
    for (int i = 0; i < count; ++i) *request.add_batches() = WireBatch(*BatchS(i));
    return request;
  }
  Result<ext::PublishManyResponse> Publish(const ext::PublishManyRequest& request) {
    return Call<ext::PublishManyResponse>("PublishMany", request);
  }
  Result<ext::ReadResponse> Read(const ext::ReadRequest& request) {
    return Call<ext::ReadResponse>("Read", request);
  }
  Result<ext::Consumer> Consumer(const std::string& method, const google::protobuf::MessageLite& request) {
    ext::Consumer consumer;
    JAMMI_TRY(client_->CallInto(("/jammi.ext.v1.StreamService/" + method).c_str(), request, consumer));
    return consumer;
  }

  std::optional<RpcChannel> client_;
};

TEST_F(StreamServiceTest, PublishManyIsOneCommitWithConsecutiveOffsets) {
  JAMMI_OK(Publish(Many(2)));
  const auto response = Publish(Many(5));
  JAMMI_OK(response);
  EXPECT_EQ(response->first_offset(), 2);
  EXPECT_FALSE(response->duplicate());
  const auto page = host().As(kTenantA).ReadTopic("t", From::Offset(2));
  JAMMI_OK(page);
  ASSERT_THAT(page->deliveries, SizeIs(5));
  for (const auto& delivery : page->deliveries) {
    EXPECT_EQ(ToTimestamp(delivery.produced_at).nanos(), response->committed_at().nanos());
  }
  EXPECT_THAT(host().metrics.Text(), HasSubstr("jammi_publish_rows_total 7"));
}

TEST_F(StreamServiceTest, PublishManyIsAllOrNothing) {
  auto request = Many(3);
  request.mutable_batches(1)->set_data_body("garbage");
  const auto refused = Publish(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message(), HasSubstr("batch 1: batch decode: "));
  EXPECT_EQ(Publish(Many(0)).error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Publish(Many(1))->first_offset(), 0);
}

TEST_F(StreamServiceTest, AProducerKeyPublishesOnce) {
  EXPECT_EQ(Publish(Many(2, "key"))->first_offset(), 0);
  const auto again = Publish(Many(2, "key"));
  JAMMI_OK(again);
  EXPECT_EQ(again->first_offset(), 0);
  EXPECT_TRUE(again->duplicate());
  EXPECT_EQ(Publish(Many(3, "key")).error().code(), ErrorCode::kAlreadyExists);
  EXPECT_THAT(host().metrics.Text(), HasSubstr("jammi_publish_rows_total 2"));
}

TEST_F(StreamServiceTest, ReadGoesOnWhereAPageEnded) {
  JAMMI_OK(Publish(Many(5)));
  ext::ReadRequest request;
  request.set_topic("t");
  request.set_max_events(3);
  auto page = Read(request);
  JAMMI_OK(page);
  ASSERT_THAT(page->events(), SizeIs(3));
  EXPECT_THAT(Ids(page->events(2)), ElementsAre(2));
  EXPECT_FALSE(page->at_head());
  request.mutable_from()->set_position(page->next_position());
  page = Read(request);
  JAMMI_OK(page);
  ASSERT_THAT(page->events(), SizeIs(2));
  EXPECT_EQ(page->events(1).offset(), 4);
  EXPECT_TRUE(page->at_head());
  EXPECT_EQ(page->head(), 5);
  request.set_predicate("id = 4");
  request.mutable_from()->set_offset(0);
  EXPECT_THAT(Read(request)->events(), SizeIs(1));
}

// Whoever asks for everything at once gets a page that fits into a message.
TEST_F(StreamServiceTest, APageHasItsLimitHoweverMuchIsAskedFor) {
  const auto topic = Register(kTenantA, "large");
  const auto large = BatchS(1, {std::string(12 << 20, 'x')});
  for (int i = 0; i < 3; ++i) JAMMI_OK(host().As(kTenantA).Publish(topic, large));
  ext::ReadRequest request;
  request.set_topic("large");
  request.set_max_bytes(int64_t{1} << 40);
  auto page = Read(request);
  JAMMI_OK(page);
  EXPECT_THAT(page->events(), SizeIs(2)) << "36 MiB are there";
  request.mutable_from()->set_position(page->next_position());
  page = Read(request);
  JAMMI_OK(page);
  EXPECT_THAT(page->events(), SizeIs(1));
}

TEST_F(StreamServiceTest, RefusesPlacesThatAreNone) {
  ext::ReadRequest request;
  request.set_topic("t");
  request.mutable_from()->set_position("nonsense");
  EXPECT_EQ(Read(request).error().code(), ErrorCode::kInvalidArgument);
  request.mutable_from()->mutable_time()->set_nanos(-1);
  EXPECT_EQ(Read(request).error().code(), ErrorCode::kInvalidArgument);
  request.mutable_from()->mutable_time()->set_seconds(int64_t{1} << 60);
  EXPECT_EQ(Read(request).error().code(), ErrorCode::kInvalidArgument);
  request.clear_from();
  request.set_max_events(-1);
  EXPECT_EQ(Read(request).error().code(), ErrorCode::kInvalidArgument);
  request.set_topic("");
  EXPECT_THAT(Read(request).error().message(), HasSubstr("topic is required"));
  request.set_topic("nope");
  const auto unknown = Read(request);
  EXPECT_EQ(unknown.error().code(), ErrorCode::kNotFound);
  EXPECT_THAT(unknown.error().message(), HasSubstr("topic 'nope' not found"));
}

TEST_F(StreamServiceTest, ConsumersAreMadeFoundListedMovedAndDeleted) {
  JAMMI_OK(Publish(Many(5)));
  ext::CreateConsumerRequest create;
  create.set_topic("t");
  create.set_name("indexer");
  create.set_predicate("id > 1");
  create.mutable_from()->set_offset(2);
  auto consumer = Consumer("CreateConsumer", create);
  JAMMI_OK(consumer);
  EXPECT_EQ(consumer->offset(), 2);
  EXPECT_EQ(consumer->lag(), 3);
  EXPECT_EQ(consumer->tenant_id(), kTenantA);
  EXPECT_EQ(consumer->predicate(), "id > 1");
  EXPECT_FALSE(consumer->has_lease());
  EXPECT_EQ(Consumer("CreateConsumer", create).error().code(), ErrorCode::kAlreadyExists);

  ext::ListConsumersRequest list;
  list.set_topic("t");
  const auto listed = Call<ext::ListConsumersResponse>("ListConsumers", list);
  JAMMI_OK(listed);
  ASSERT_THAT(listed->consumers(), SizeIs(1));
  EXPECT_EQ(listed->consumers(0).name(), "indexer");

  ext::ResetConsumerRequest reset;
  reset.set_topic("t");
  reset.set_name("indexer");
  EXPECT_THAT(Consumer("ResetConsumer", reset).error().message(), HasSubstr("to is required"));
  reset.mutable_to()->mutable_newest();
  EXPECT_EQ(Consumer("ResetConsumer", reset)->offset(), 5);

  ext::GetConsumerRequest get;
  get.set_topic("t");
  get.set_name("indexer");
  EXPECT_EQ(Consumer("GetConsumer", get)->offset(), 5);
  ext::DeleteConsumerRequest remove;
  remove.set_topic("t");
  remove.set_name("indexer");
  JAMMI_OK(Call<Empty>("DeleteConsumer", remove));
  EXPECT_EQ(Consumer("GetConsumer", get).error().code(), ErrorCode::kNotFound);
}

TEST_F(StreamServiceTest, ConsumersAreTheirScopesAlone) {
  Register(kNobody, "global");
  ext::CreateConsumerRequest create;
  create.set_topic("global");
  create.set_name("mine");
  JAMMI_OK(Consumer("CreateConsumer", create));
  ext::GetConsumerRequest get;
  get.set_topic("global");
  get.set_name("mine");
  JAMMI_OK(Consumer("GetConsumer", get));
  client_.emplace(Client(kTenantB));
  EXPECT_EQ(Consumer("GetConsumer", get).error().code(), ErrorCode::kNotFound);
}

TEST_F(StreamServiceTest, RetentionHoldsAndIsTold) {
  JAMMI_OK(Publish(Many(5)));
  ext::SetRetentionRequest set;
  set.set_topic("t");
  set.mutable_retention()->set_max_events(2);
  set.mutable_retention()->mutable_max_age()->set_seconds(3600);
  JAMMI_OK(Call<Empty>("SetRetention", set));
  ext::TopicStatsRequest ask;
  ask.set_topic("t");
  EXPECT_TRUE(Eventually([&] { return Call<ext::TopicStatsResponse>("TopicStats", ask)->low_water() == 3; }));
  const auto stats = Call<ext::TopicStatsResponse>("TopicStats", ask);
  EXPECT_EQ(stats->head(), 5);
  EXPECT_EQ(stats->events(), 2);
  EXPECT_EQ(stats->retention().max_events(), 2);
  EXPECT_EQ(stats->retention().max_age().seconds(), 3600);
  EXPECT_GT(stats->bytes(), 0);
  set.mutable_retention()->mutable_max_age()->set_seconds(-1);
  EXPECT_EQ(Call<Empty>("SetRetention", set).error().code(), ErrorCode::kInvalidArgument);
}

TEST_F(StreamServiceTest, ColumnsAreAppended) {
  const auto added = arrow::field("note", arrow::utf8());
  ext::AppendColumnsRequest append;
  append.set_topic("t");
  append.set_schema(EncodeWireSchema(*arrow::schema({added})).value());
  const auto response = Call<ext::AppendColumnsResponse>("AppendColumns", append);
  JAMMI_OK(response);
  EXPECT_TRUE(
      DecodeWireSchema(response->schema()).value()->Equals(*SchemaS()->AddField(3, added).ValueOrDie()));
  EXPECT_EQ(Call<ext::AppendColumnsResponse>("AppendColumns", append).error().code(),
            ErrorCode::kAlreadyExists);
  append.set_schema("");
  EXPECT_THAT(Call<ext::AppendColumnsResponse>("AppendColumns", append).error().message(),
              HasSubstr("schema is required"));
}

}  // namespace
}  // namespace jammi::test
