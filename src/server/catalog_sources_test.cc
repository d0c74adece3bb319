// CatalogService: sources and their result tables.
#include "server/catalog_results_fixture.h"

namespace jammi::test {
namespace {

class CatalogSourcesTest : public CatalogResultsTest {
 protected:
  static wire::AddSourceRequest Addition() {
    wire::AddSourceRequest request;
    request.set_source_id("docs");
    request.set_source_kind(wire::SOURCE_KIND_FILE);
    request.mutable_connection()->set_url("file:///docs.csv");
    request.mutable_connection()->set_format(wire::FILE_FORMAT_CSV);
    return request;
  }
  static wire::DescribeSourceRequest Named(const std::string& id) {
    wire::DescribeSourceRequest request;
    request.set_source_id(id);
    return request;
  }
  static wire::RemoveSourceRequest Removal(const std::string& id) {
    wire::RemoveSourceRequest request;
    request.set_source_id(id);
    return request;
  }
  static std::string Line(const wire::SourceDescriptor& source) {
    std::string line = source.source_id();
    for (const auto& table : source.result_tables()) line += " " + table.table_name();
    return line;
  }
  // "source table table"
  static std::vector<std::string> List(const Caller& caller) {
    std::vector<std::string> lines;
    const auto reply = caller.Ask<wire::ListSourcesResponse>("ListSources", wire::ListSourcesRequest());
    for (const auto& source : reply.sources()) {
      lines.push_back(Line(source));
      const auto alone = caller.Ask<wire::SourceDescriptor>("DescribeSource", Named(source.source_id()));
      EXPECT_EQ(alone.SerializeAsString(), source.SerializeAsString());
    }
    return lines;
  }
};

TEST_F(CatalogSourcesTest, Srv080WhatIsMissingIsSaid) {
  const auto refused = [&](auto change, const std::string& text) {
    auto request = Addition();
    change(request);
    ExpectUnreadable(server_.As(kA).Refused<Empty>("AddSource", request), text);
  };
  refused([](auto& request) { request.clear_source_id(); }, "source_id is required");
  refused([](auto& request) { request.clear_source_kind(); }, "source_kind must be specified");
  refused([](auto& request) { request.set_source_kind(static_cast<wire::SourceKind>(9)); },
          "source_kind must be specified");
  refused([](auto& request) { request.clear_connection(); }, "connection is required");
  refused([](auto& request) { request.mutable_connection()->set_format(static_cast<wire::FileFormat>(9)); },
          "format 9");
  ExpectUnreadable(server_.As(kA).Refused<wire::SourceDescriptor>("DescribeSource", Named("")),
                   "source_id is required");
  ExpectUnreadable(server_.As(kA).Refused<Empty>("RemoveSource", Removal("")), "source_id is required");
}

TEST_F(CatalogSourcesTest, Srv082Srv083WhatIsNotBuiltInIsAMatterOfConfiguration) {
  const auto refused = [&](auto change) {
    auto request = Addition();
    change(request);
    const auto answer = server_.As(kA).Refused<Empty>("AddSource", request);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
    EXPECT_THAT(answer.message, testing::StartsWith("config: "));
    ASSERT_TRUE(DetailOf<JammiErrorDetail>(answer));
    EXPECT_TRUE(DetailOf<JammiErrorDetail>(answer)->has_config());
  };
  refused([](auto& request) { request.mutable_connection()->clear_format(); });
  refused([](auto& request) { request.mutable_connection()->set_format(wire::FILE_FORMAT_AVRO); });
  refused([](auto& request) { request.set_source_kind(wire::SOURCE_KIND_POSTGRES); });
  refused([](auto& request) { request.set_source_kind(wire::SOURCE_KIND_MYSQL); });
}

TEST_F(CatalogSourcesTest, Case62Srv081ATakenNameSaysSo) {
  AddSource(server_.SessionOf(kA), "docs");
  const auto answer = server_.As(kA).Refused<Empty>("AddSource", Addition());
  EXPECT_EQ(answer.code, RpcCode::kInvalidArgument);
  EXPECT_THAT(answer.message,
              testing::AllOf(HasSubstr("source docs: "), HasSubstr("Source already registered")));
  EXPECT_EQ(DetailOf<JammiErrorDetail>(answer)->source().source_id(), "docs");
  // Another's is not told of.
  EXPECT_EQ(server_.As(kB).Refused<Empty>("AddSource", Addition()).code, RpcCode::kUnimplemented);
}

TEST_F(CatalogSourcesTest, AddingSaysWhatIsNotThereYet) {
  const auto answer = server_.As(kA).Refused<Empty>("AddSource", Addition());
  EXPECT_EQ(answer.code, RpcCode::kUnimplemented);
  EXPECT_THAT(answer.message, HasSubstr("schema of a file"));
  EXPECT_THAT(List(server_.As(kA)), IsEmpty());
}

TEST_F(CatalogSourcesTest, Case60Srv085AbsentAndForeignAreTheSame) {
  AddSource(server_.SessionOf(kB), "theirs");
  EXPECT_THAT(List(server_.As(kA)), IsEmpty());
  for (const char* id : {"theirs", "nowhere"}) {
    const auto answer = server_.As(kA).Refused<wire::SourceDescriptor>("DescribeSource", Named(id));
    EXPECT_EQ(answer.code, RpcCode::kNotFound);
    EXPECT_EQ(answer.message, fmt::format("source '{}' not found", id));
    EXPECT_EQ(answer.details, "");
  }
}

TEST_F(CatalogSourcesTest, Case61Srv085ADescriptorHasItsResultTables) {
  const auto a = server_.SessionOf(kA);
  AddSource(a, "docs");
  const auto made = MakeTable(a, "docs", "docs_vectors", ResultTableKind::kModel, {.row_count = 42});
  MakeTable(a, "docs", "docs_graph", ResultTableKind::kNeighborGraph, {.row_count = 7}, "docs_vectors");
  const auto source = server_.As(kA).Ask<wire::SourceDescriptor>("DescribeSource", Named("docs"));
  EXPECT_EQ(source.kind(), wire::SOURCE_KIND_FILE);
  EXPECT_EQ(source.status(), "active");
  ASSERT_EQ(source.result_tables_size(), 2);

  const auto& vectors = source.result_tables(0);
  EXPECT_EQ(vectors.table_name(), "docs_vectors");
  EXPECT_EQ(vectors.source_id(), "docs");
  EXPECT_EQ(vectors.model_id(), made.model_id);
  EXPECT_EQ(vectors.task(), v1::inference::TEXT_EMBEDDING);
  EXPECT_EQ(vectors.dimensions(), 8);
  EXPECT_EQ(vectors.row_count(), 42U);
  EXPECT_EQ(vectors.status(), "ready");
  EXPECT_EQ(vectors.key_column(), "doc_id");
  EXPECT_EQ(vectors.kind(), v1::embedding::MODEL);
  EXPECT_FALSE(vectors.has_derived_from());
  EXPECT_FALSE(vectors.has_cache_outcome());

  // Section 14: what no model made has neither model nor task.
  const auto& graph = source.result_tables(1);
  EXPECT_EQ(graph.kind(), v1::embedding::NEIGHBOR_GRAPH);
  EXPECT_EQ(graph.derived_from(), "docs_vectors");
  EXPECT_FALSE(graph.has_model_id());
  EXPECT_FALSE(graph.has_task());
}

TEST_F(CatalogSourcesTest, Case68Srv024Srv085OwnAndGlobalInTheirOrder) {
  const auto global = server_.engine().Global();
  const auto a = server_.SessionOf(kA);
  AddSource(global, "everybodys");
  AddSource(a, "mine");
  AddSource(server_.SessionOf(kB), "theirs");
  MakeTable(global, "everybodys", "global_table");
  MakeTable(a, "everybodys", "my_table");
  MakeTable(a, "mine", "mine_table");
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("everybodys global_table my_table", "mine mine_table"));
  EXPECT_THAT(List(server_.As(kB)), ElementsAre("everybodys global_table", "theirs"));
  EXPECT_THAT(List(server_.As(3)), ElementsAre("everybodys global_table"));
  EXPECT_THAT(List(server_.Unscoped()), ElementsAre("everybodys global_table"));
}

// A source hides the global one of its name, and that one's tables with it.
TEST_F(CatalogSourcesTest, W03AnOwnSourceIsNotMixedWithTheGlobalOneOfItsName) {
  AddSource(server_.engine().Global(), "docs");
  AddSource(server_.SessionOf(kA), "docs");
  MakeTable(server_.engine().Global(), "docs", "global_table");
  MakeTable(server_.SessionOf(kA), "docs", "my_table");
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("docs my_table"));
  EXPECT_THAT(List(server_.As(kB)), ElementsAre("docs global_table"));
}

TEST_F(CatalogSourcesTest, Srv086ASourceGoesWithItsTables) {
  const auto a = server_.SessionOf(kA);
  AddSource(a, "docs");
  MakeTable(a, "docs", "t");
  server_.As(kA).Ask<Empty>("RemoveSource", Removal("docs"));
  EXPECT_THAT(List(server_.As(kA)), IsEmpty());
  EXPECT_FALSE(a.result_tables().Get("t"));
  server_.As(kA).Ask<Empty>("RemoveSource", Removal("docs"));
}

TEST_F(CatalogSourcesTest, Case70Case71Srv086OnlyTheOwnerRemoves) {
  const auto a = server_.SessionOf(kA);
  AddSource(a, "docs");
  MakeTable(a, "docs", "t");
  AddSource(server_.engine().Global(), "everybodys");
  MakeTable(server_.SessionOf(kB), "everybodys", "bs_table");
  for (const char* id : {"docs", "everybodys"}) server_.As(kB).Ask<Empty>("RemoveSource", Removal(id));
  server_.Unscoped().Ask<Empty>("RemoveSource", Removal("docs"));
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("docs t", "everybodys"));
  EXPECT_THAT(List(server_.As(kB)), ElementsAre("everybodys bs_table"));
}

// W-03: a tenant learns nothing of another's source of the same name, and harms it in no way.
TEST_F(CatalogSourcesTest, Case72ANameIsTakenInItsScopeOnly) {
  AddSource(server_.SessionOf(kA), "docs");
  AddSource(server_.SessionOf(kB), "docs");
  server_.As(kB).Ask<Empty>("RemoveSource", Removal("docs"));
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("docs"));
}

TEST_F(CatalogSourcesTest, Srv087SourcesAreThereAfterARestart) {
  AddSource(server_.SessionOf(kA), "docs");
  server_.Restart();
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("docs"));
}

}  // namespace
}  // namespace jammi::test
