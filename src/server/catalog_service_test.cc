// CatalogService: what its subjects share.
#include <set>
#include <stop_token>

#include "server/all_pages.h"
#include "server/catalog_fixture.h"

namespace jammi::test {
namespace {

using CatalogServiceTest = CatalogTest;

TEST_F(CatalogServiceTest, Case64Srv070TheServerSaysWhatItIs) {
  const auto info = server_.Unscoped().Ask<wire::ServerInfo>("GetServerInfo", Empty());
  EXPECT_THAT(info.version(), testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(info.storage_backends(), ElementsAre("file", "memory"));
  EXPECT_THAT(info.services(), testing::Contains("core"));
  EXPECT_THAT(info.services(), testing::Not(testing::Contains("train")));
  EXPECT_EQ(info.broker(), "in_memory");
  for (const auto* list : {&info.features(), &info.services()}) {
    const std::set<std::string> sorted(list->begin(), list->end());
    EXPECT_THAT(*list, testing::ElementsAreArray(sorted));
  }
}

TEST_F(CatalogServiceTest, AListIsStoppedBetweenTwoPages) {
  std::stop_source stop;
  const CatalogCall call{.session = server_.engine().Global(),
                         .deadline = {},
                         .max_reply_bytes = 1000,
                         .limit = {.deadline = {}, .stop = stop.get_token()}};
  wire::ListTopicsResponse reply;
  const auto page = [&](int, std::string_view) -> Result<Page<int>> {
    stop.request_stop();
    return Page<int>{.items = {1}, .next_page_token = "more"};
  };
  const auto convert = [](int) { return wire::Topic(); };
  const auto added = AddAllPages(*reply.mutable_topics(), call, page, convert);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code(), ErrorCode::kCancelled);
  EXPECT_EQ(reply.topics_size(), 1);
}

// A list that does not fit is refused as soon as that is known, not built to its end.
TEST_F(CatalogServiceTest, AListThatIsTooLargeIsRefused) {
  server_.config().server.max_message_bytes = 64 << 10;
  server_.Restart();
  arrow::FieldVector columns;
  for (int i = 0; i < 300; ++i) columns.push_back(arrow::field(fmt::format("column_{}", i), arrow::int64()));
  const auto register_topic = [&](const std::string& name) {
    ASSERT_TRUE(server_.SessionOf(kA).topics().Register(name, arrow::schema(columns)));
  };
  wire::ListTopicsRequest request;
  register_topic("one");
  EXPECT_EQ(server_.As(kA).Ask<wire::ListTopicsResponse>("ListTopics", request).topics_size(), 1);
  for (const char* name : {"two", "three", "four"}) register_topic(name);
  const auto refused = server_.As(kA).Refused<wire::ListTopicsResponse>("ListTopics", request);
  EXPECT_EQ(refused.code, RpcCode::kResourceExhausted);
  EXPECT_THAT(refused.message, HasSubstr("65536 bytes"));
  request.set_page_size(1);  // which fits
  EXPECT_EQ(server_.As(kA).Ask<wire::ListTopicsResponse>("ListTopics", request).topics_size(), 1);
}

TEST_F(CatalogServiceTest, Srv033ReadersReadAndNoMore) {
  const auto reader = server_.As(kA, "reader");
  const auto denied = [&](const char* method, const auto& request) {
    EXPECT_EQ((reader.Refused<Empty>(method, request).code), RpcCode::kPermissionDenied) << method;
  };
  denied("AddSource", wire::AddSourceRequest());
  denied("RemoveSource", wire::RemoveSourceRequest());
  denied("DeleteModel", wire::DeleteModelRequest());
  denied("RegisterChannel", wire::RegisterChannelRequest());
  denied("AddChannelColumns", wire::AddChannelColumnsRequest());
  denied("CreateMutableTable", wire::CreateMutableTableRequest());
  denied("DropMutableTable", wire::DropMutableTableRequest());
  denied("RegisterTopic", wire::RegisterTopicRequest());
  denied("DropTopic", wire::DropTopicRequest());
  reader.Ask<wire::ListSourcesResponse>("ListSources", wire::ListSourcesRequest());
  reader.Ask<wire::ListModelsResponse>("ListModels", wire::ListModelsRequest());
  reader.Ask<wire::ListChannelsResponse>("ListChannels", wire::ListChannelsRequest());
  reader.Ask<wire::ListMutableTablesResponse>("ListMutableTables", wire::ListMutableTablesRequest());
  reader.Ask<wire::ListTopicsResponse>("ListTopics", wire::ListTopicsRequest());
}

}  // namespace
}  // namespace jammi::test
