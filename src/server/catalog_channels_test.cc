// CatalogService: evidence channels.
#include "server/catalog_fixture.h"

namespace jammi::test {
namespace {

using Columns = std::vector<std::pair<std::string, wire::ChannelColumnType>>;

class CatalogChannelsTest : public CatalogTest {
 protected:
  static wire::RegisterChannelRequest Channel(const std::string& id, int priority, const Columns& columns) {
    wire::RegisterChannelRequest request;
    request.set_channel_id(id);
    request.set_priority(priority);
    for (const auto& [name, type] : columns) {
      auto& column = *request.add_columns();
      column.set_name(name);
      column.set_data_type(type);
    }
    return request;
  }
  static wire::AddChannelColumnsRequest Added(const std::string& id, const Columns& columns) {
    wire::AddChannelColumnsRequest request;
    request.set_channel_id(id);
    *request.mutable_columns() = Channel(id, 0, columns).columns();
    return request;
  }
  // "id priority name:type name:type"
  static std::vector<std::string> List(const Caller& caller) {
    std::vector<std::string> lines;
    const auto reply = caller.Ask<wire::ListChannelsResponse>("ListChannels", wire::ListChannelsRequest());
    for (const auto& channel : reply.channels()) {
      auto& line = lines.emplace_back(fmt::format("{} {}", channel.channel_id(), channel.priority()));
      for (const auto& column : channel.columns())
        line += fmt::format(" {}:{}", column.name(), static_cast<int>(column.data_type()));
    }
    return lines;
  }

  static constexpr const char* kVector = "vector 1 similarity:1";
  static constexpr const char* kInference =
      "inference 2 inference_model:5 inference_task:5 inference_confidence:1";
  static constexpr const char* kBm25 = "bm25 3 bm25_score:1 bm25_rank:4";
};

TEST_F(CatalogChannelsTest, Srv110ThreeAreThereFromTheStart) {
  EXPECT_THAT(List(server_.As(kA)), ElementsAre(kVector, kInference, kBm25));
  EXPECT_THAT(List(server_.Unscoped()), ElementsAre(kVector, kInference, kBm25));
}

TEST_F(CatalogChannelsTest, Case51Srv112Srv113ColumnsAreAppendedInOrder) {
  const auto a = server_.As(kA);
  a.Ask<Empty>("RegisterChannel", Channel("rerank", 2,
                                          {{"score", wire::CHANNEL_COLUMN_TYPE_FLOAT64},
                                           {"ok", wire::CHANNEL_COLUMN_TYPE_BOOLEAN}}));
  a.Ask<Empty>("AddChannelColumns", Added("rerank", {{"rank", wire::CHANNEL_COLUMN_TYPE_INT32}}));
  EXPECT_THAT(List(a), ElementsAre(kVector, kInference, "rerank 2 score:2 ok:6 rank:3", kBm25));
}

TEST_F(CatalogChannelsTest, Case52Srv111WhatCannotBeReadIsRefused) {
  const auto a = server_.As(kA);
  const auto refused = [&](const std::string& id, const Columns& columns, const std::string& text) {
    ExpectUnreadable(a.Refused<Empty>("RegisterChannel", Channel(id, 1, columns)), text);
    ExpectUnreadable(a.Refused<Empty>("AddChannelColumns", Added(id, columns)), text);
  };
  refused("c", {{"x", wire::CHANNEL_COLUMN_TYPE_UNSPECIFIED}}, "column 'x': data_type must be specified");
  refused("c", {{"x", static_cast<wire::ChannelColumnType>(99)}}, "99 is none of the known types");
  refused("c", {{"", wire::CHANNEL_COLUMN_TYPE_UTF8}}, "name is required");
  refused("", {}, "channel_id is required");
  for (const char* id : {"Upper", "1st", "with-dash"}) refused(id, {}, id);
  EXPECT_EQ(List(a).size(), 3U);
}

TEST_F(CatalogChannelsTest, Case53ErrorsSayWhatIsThere) {
  const auto a = server_.As(kA);
  const auto rerank = Channel("rerank", 9, {{"note", wire::CHANNEL_COLUMN_TYPE_UTF8}});
  a.Ask<Empty>("RegisterChannel", rerank);

  auto answer = a.Refused<Empty>("RegisterChannel", rerank);
  EXPECT_EQ(answer.code, RpcCode::kAlreadyExists);
  EXPECT_THAT(answer.message, HasSubstr("already exists"));
  EXPECT_EQ(DetailOf<JammiErrorDetail>(answer)->channel_catalog().already_exists(), "rerank");

  answer = a.Refused<Empty>("AddChannelColumns", Added("absent", {{"x", wire::CHANNEL_COLUMN_TYPE_UTF8}}));
  EXPECT_EQ(answer.code, RpcCode::kNotFound);
  EXPECT_THAT(answer.message, HasSubstr("not registered"));
  EXPECT_EQ(DetailOf<JammiErrorDetail>(answer)->channel_catalog().not_registered(), "absent");

  answer = a.Refused<Empty>("AddChannelColumns", Added("rerank", {{"note", wire::CHANNEL_COLUMN_TYPE_UTF8}}));
  EXPECT_EQ(answer.code, RpcCode::kAlreadyExists);
  EXPECT_THAT(answer.message, HasSubstr("already declared"));
  EXPECT_EQ(DetailOf<JammiErrorDetail>(answer)->channel_catalog().column_already_declared().column(), "note");

  answer =
      a.Refused<Empty>("AddChannelColumns", Added("rerank", {{"more", wire::CHANNEL_COLUMN_TYPE_INT64},
                                                             {"note", wire::CHANNEL_COLUMN_TYPE_INT32}}));
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  for (const char* part : {"rerank", "note", "Utf8", "cannot redeclare as Int32"})
    EXPECT_THAT(answer.message, HasSubstr(part));
  const auto detail = DetailOf<JammiErrorDetail>(answer);
  EXPECT_EQ(detail->channel_catalog().column_conflict().existing(), "Utf8");
  EXPECT_EQ(detail->channel_catalog().column_conflict().requested(), "Int32");
  EXPECT_EQ(List(a).back(), "rerank 9 note:5") << "W-10: all or nothing";
}

TEST_F(CatalogChannelsTest, Srv025Srv111Srv112ScopesHaveNamesOfTheirOwn) {
  const Columns none;
  server_.As(kA).Ask<Empty>("RegisterChannel", Channel("mine", 5, none));
  server_.As(kB).Ask<Empty>("RegisterChannel", Channel("mine", 6, none));
  server_.As(kB).Ask<Empty>("RegisterChannel", Channel("vector", 7, none));
  EXPECT_THAT(List(server_.As(kA)), ElementsAre(kVector, kInference, kBm25, "mine 5"));
  EXPECT_THAT(List(server_.As(kB)), ElementsAre(kInference, kBm25, "mine 6", "vector 7"));
  EXPECT_THAT(List(server_.As(3)), ElementsAre(kVector, kInference, kBm25));
  const auto answer = server_.As(kA).Refused<Empty>("AddChannelColumns",
                                                    Added("vector", {{"x", wire::CHANNEL_COLUMN_TYPE_UTF8}}));
  EXPECT_EQ(answer.code, RpcCode::kNotFound) << "a global one is nobody's to change";
}

TEST_F(CatalogChannelsTest, Case54TheListIsTheEngines) {
  server_.As(kA).Ask<Empty>("RegisterChannel", Channel("mine", -3, {{"x", wire::CHANNEL_COLUMN_TYPE_UTF8}}));
  const auto engine = server_.SessionOf(kA).channels().List();
  const auto lines = List(server_.As(kA));
  ASSERT_EQ(engine->items.size(), lines.size());
  for (size_t i = 0; i < lines.size(); ++i)
    EXPECT_THAT(lines[i], testing::StartsWith(engine->items[i].id.text()));
  EXPECT_EQ(lines.front(), "mine -3 x:5");
}

}  // namespace
}  // namespace jammi::test
