// CatalogService: topics.
#include "server/catalog_fixture.h"

namespace jammi::test {
namespace {

class CatalogTopicsTest : public CatalogTest {
 protected:
  static wire::RegisterTopicRequest Topic(const std::string& name) {
    wire::RegisterTopicRequest request;
    request.set_name(name);
    request.set_schema(SchemaBytes(Note()));
    return request;
  }
  static wire::DropTopicRequest Drop(const std::string& id, bool if_exists = false) {
    wire::DropTopicRequest request;
    request.set_topic_id(id);
    request.set_if_exists(if_exists);
    return request;
  }
  static std::string Register(const Caller& caller, const std::string& name) {
    return caller.Ask<wire::RegisterTopicResponse>("RegisterTopic", Topic(name)).topic_id();
  }
  static wire::ListTopicsResponse Topics(const Caller& caller, int size = 0, const std::string& token = {}) {
    wire::ListTopicsRequest request;
    request.set_page_size(size);
    request.set_page_token(token);
    return caller.Ask<wire::ListTopicsResponse>("ListTopics", request);
  }
  static std::vector<std::string> Names(const wire::ListTopicsResponse& reply) {
    std::vector<std::string> names;
    for (const auto& topic : reply.topics()) names.push_back(topic.name());
    return names;
  }
};

TEST_F(CatalogTopicsTest, Case36Srv140Srv142ATopicComesAndGoes) {
  const auto a = server_.As(kA);
  auto request = Topic("quakes");
  (*request.mutable_broker_metadata())["team"] = "seismic";
  const auto id = a.Ask<wire::RegisterTopicResponse>("RegisterTopic", request).topic_id();
  const auto reply = Topics(a);
  ASSERT_EQ(reply.topics_size(), 1);
  EXPECT_EQ(reply.topics(0).topic_id(), id);
  EXPECT_EQ(reply.topics(0).name(), "quakes");
  EXPECT_EQ(reply.topics(0).schema(), SchemaBytes(Note()));
  EXPECT_EQ(reply.topics(0).tenant_id(), TenantNumber(kA).ToString());
  EXPECT_EQ(reply.topics(0).broker_metadata().at("team"), "seismic");
  EXPECT_EQ(reply.next_page_token(), "");
  a.Ask<Empty>("DropTopic", Drop(id));
  EXPECT_EQ(Topics(a).topics_size(), 0);
}

TEST_F(CatalogTopicsTest, Case37Srv140TheServerMakesTheId) {
  auto request = Topic("quakes");
  request.set_topic_id("0190a000-0000-7000-8000-000000000001");
  const auto id = server_.As(kA).Ask<wire::RegisterTopicResponse>("RegisterTopic", request).topic_id();
  EXPECT_NE(id, request.topic_id());
  EXPECT_EQ(id[14], '7') << "a UUID of version 7";
}

TEST_F(CatalogTopicsTest, Srv140UnreadableRequestsHaveNoDetail) {
  const auto a = server_.As(kA);
  const auto refused = [&](const wire::RegisterTopicRequest& request, const std::string& text) {
    ExpectUnreadable(a.Refused<wire::RegisterTopicResponse>("RegisterTopic", request), text);
  };
  refused(Topic(""), "name is required");
  auto request = Topic("t");
  request.clear_schema();
  refused(request, "schema is required");
  request.set_schema("garbage");
  refused(request, "schema decode: ");
  for (const char* id : {"", "no-uuid"})
    ExpectUnreadable(a.Refused<Empty>("DropTopic", Drop(id, true)), "invalid topic_id: ");
  wire::ListTopicsRequest negative;
  negative.set_page_size(-1);
  ExpectUnreadable(a.Refused<wire::ListTopicsResponse>("ListTopics", negative), "page_size");
}

TEST_F(CatalogTopicsTest, Srv140ReservedAndUnsupportedColumnsAreNamed) {
  auto request = Topic("t");
  request.set_schema(SchemaBytes({arrow::field("_offset", arrow::int64())}));
  auto answer = server_.As(kA).Refused<wire::RegisterTopicResponse>("RegisterTopic", request);
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_THAT(answer.message, HasSubstr("_offset"));
  EXPECT_EQ(Topics(server_.As(kA)).topics_size(), 0);
}

TEST_F(CatalogTopicsTest, W10Srv141ANameIsTakenInItsScopeOnly) {
  Register(server_.Unscoped(), "quakes");
  Register(server_.As(kA), "quakes");
  Register(server_.As(kB), "quakes");
  for (const auto& caller : {server_.Unscoped(), server_.As(kA)}) {
    const auto answer = caller.Refused<wire::RegisterTopicResponse>("RegisterTopic", Topic("quakes"));
    EXPECT_EQ(answer.code, RpcCode::kAlreadyExists);
    EXPECT_THAT(answer.message, HasSubstr("quakes"));
    EXPECT_TRUE(DetailOf<TriggerErrorDetail>(answer));
  }
}

TEST_F(CatalogTopicsTest, Case10Srv024Srv142OwnAndGlobalByCreation) {
  Register(server_.As(kA), "a's");
  Register(server_.Unscoped(), "everybody's");
  Register(server_.As(kB), "b's");
  EXPECT_THAT(Names(Topics(server_.As(kA))), ElementsAre("a's", "everybody's"));
  EXPECT_THAT(Names(Topics(server_.As(kB))), ElementsAre("everybody's", "b's"));
  EXPECT_THAT(Names(Topics(server_.As(3))), ElementsAre("everybody's"));
  EXPECT_THAT(Names(Topics(server_.Unscoped())), ElementsAre("everybody's"));
  EXPECT_EQ(Topics(server_.Unscoped()).topics(0).tenant_id(), "");
}

TEST_F(CatalogTopicsTest, Case38Srv143AbsentForeignAndGlobalAreTheSame) {
  const auto theirs = Register(server_.As(kB), "b's");
  const auto everybodys = Register(server_.Unscoped(), "everybody's");
  for (const std::string& id : {theirs, everybodys, std::string("0190a000-0000-7000-8000-000000000001")}) {
    const auto answer = server_.As(kA).Refused<Empty>("DropTopic", Drop(id));
    EXPECT_EQ(answer.code, RpcCode::kNotFound);
    EXPECT_EQ(answer.message, id);
    EXPECT_EQ(DetailOf<TriggerErrorDetail>(answer)->topic_not_found(), id);
    server_.As(kA).Ask<Empty>("DropTopic", Drop(id, true));
  }
  EXPECT_THAT(Names(Topics(server_.As(kB))), ElementsAre("b's", "everybody's"));
}

TEST_F(CatalogTopicsTest, W20ListsAreWholeOrByPages) {
  std::vector<std::string> names;
  for (int i = 0; i < 5; ++i) Register(server_.As(kA), names.emplace_back("t" + std::to_string(i)));
  EXPECT_EQ(Names(Topics(server_.As(kA))), names);
  std::vector<std::string> paged;
  std::string token;
  do {
    const auto page = Topics(server_.As(kA), 2, token);
    EXPECT_LE(page.topics_size(), 2);
    for (const auto& name : Names(page)) paged.push_back(name);
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(paged, names);
  // From a token on, without a size: the rest.
  const auto first = Topics(server_.As(kA), 2);
  EXPECT_THAT(Names(Topics(server_.As(kA), 0, first.next_page_token())), ElementsAre("t2", "t3", "t4"));
  wire::ListTopicsRequest forged;
  forged.set_page_token("forged");
  EXPECT_EQ(server_.As(kA).Refused<wire::ListTopicsResponse>("ListTopics", forged).code,
            RpcCode::kInvalidArgument);
}

TEST_F(CatalogTopicsTest, Srv012TopicsAreThereAfterARestart) {
  Register(server_.As(kA), "quakes");
  server_.Restart();
  EXPECT_THAT(Names(Topics(server_.As(kA))), ElementsAre("quakes"));
}

}  // namespace
}  // namespace jammi::test
