// CatalogService: what result tables were made from, and their indexes.
#include "server/catalog_results_fixture.h"

namespace jammi::test {
namespace {

class CatalogLineageTest : public CatalogResultsTest {
 protected:
  static ResultTableManifest MadeFrom(std::vector<InputAnchor> inputs) {
    return {.row_count = 1, .definition_hash = "hash", .inputs = std::move(inputs)};
  }
  static wire::VerifyMaterializationResponse Verify(const Caller& caller, const std::string& table,
                                                    const std::optional<std::string>& expected = {}) {
    wire::VerifyMaterializationRequest request;
    request.set_table(table);
    if (expected) request.set_expected_definition(*expected);
    return caller.Ask<wire::VerifyMaterializationResponse>("VerifyMaterialization", request);
  }
  static wire::StalenessResponse Stale(const Caller& caller, const std::string& table,
                                       const std::string& definition = "hash") {
    wire::StalenessRequest request;
    request.set_table(table);
    request.set_current_definition(definition);
    return caller.Ask<wire::StalenessResponse>("Staleness", request);
  }
  static wire::ListIndexSegmentsResponse Segments(const Caller& caller, const std::string& table) {
    wire::ListIndexSegmentsRequest request;
    request.set_table_name(table);
    return caller.Ask<wire::ListIndexSegmentsResponse>("ListIndexSegments", request);
  }
};

TEST_F(CatalogLineageTest, Srv220AbsentAndForeignAreTheSame) {
  MakeTable(server_.SessionOf(kB), "docs", "theirs");
  const auto expect = [](const Answer& answer, const std::string& table) {
    EXPECT_EQ(answer.code, RpcCode::kNotFound);
    EXPECT_EQ(answer.message, fmt::format("Result table '{}' not found", table));
    const auto detail = DetailOf<JammiErrorDetail>(answer);
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->not_found().result_table(), table);
  };
  for (const std::string table : {"theirs", "nowhere"}) {
    wire::VerifyMaterializationRequest verify;
    verify.set_table(table);
    expect(server_.As(kA).Refused<wire::VerifyMaterializationResponse>("VerifyMaterialization", verify),
           table);
    wire::StalenessRequest staleness;
    staleness.set_table(table);
    expect(server_.As(kA).Refused<wire::StalenessResponse>("Staleness", staleness), table);
    wire::DerivesFromRequest derives;
    derives.set_table(table);
    expect(server_.As(kA).Refused<wire::DerivesFromResponse>("DerivesFrom", derives), table);
  }
}

TEST_F(CatalogLineageTest, Srv221WithoutManifestIsAnAnswer) {
  StartTable(server_.SessionOf(kA), "docs", "building");
  EXPECT_TRUE(Verify(server_.As(kA), "building").has_missing_manifest());
  EXPECT_TRUE(Stale(server_.As(kA), "building").has_missing_manifest());
}

TEST_F(CatalogLineageTest, ADefinitionThatDiffersIsAMismatch) {
  MakeTable(server_.SessionOf(kA), "docs", "t");
  const auto verdict = Verify(server_.As(kA), "t", "other");
  EXPECT_EQ(verdict.mismatch().expected(), "other");
  EXPECT_EQ(verdict.mismatch().found(), "hash");
}

// Nobody has read the data: no match is attested.
TEST_F(CatalogLineageTest, AMatchIsNotClaimedUnseen) {
  MakeTable(server_.SessionOf(kA), "docs", "t");
  wire::VerifyMaterializationRequest request;
  request.set_table("t");
  const auto answer =
      server_.As(kA).Refused<wire::VerifyMaterializationResponse>("VerifyMaterialization", request);
  EXPECT_EQ(answer.code, RpcCode::kUnimplemented);
}

TEST_F(CatalogLineageTest, FreshUntilTheDefinitionChanges) {
  const auto a = server_.SessionOf(kA);
  MakeTable(a, "docs", "input");
  MakeTable(a, "docs", "t", ResultTableKind::kModel,
            MadeFrom({{"input", "digest", AnchorKind::kResultDigest}}));
  EXPECT_TRUE(Stale(server_.As(kA), "t").has_fresh());
  const auto stale = Stale(server_.As(kA), "t", "other").stale();
  ASSERT_EQ(stale.reasons_size(), 1);
  EXPECT_EQ(stale.reasons(0).definition_changed().recorded(), "hash");
  EXPECT_EQ(stale.reasons(0).definition_changed().current(), "other");
}

TEST_F(CatalogLineageTest, AnInputThatIsGoneIsNamed) {
  const auto a = server_.SessionOf(kA);
  MakeTable(a, "docs", "input");
  MakeTable(a, "docs", "t", ResultTableKind::kModel,
            MadeFrom({{"input", "digest", AnchorKind::kResultDigest},
                      {"no_table", "1", AnchorKind::kMutableVersion},
                      {"no_source", "1", AnchorKind::kSourceVersion}}));
  ASSERT_TRUE(a.result_tables().Delete("input"));
  const auto stale = Stale(server_.As(kA), "t").stale();
  ASSERT_EQ(stale.reasons_size(), 3);
  EXPECT_EQ(stale.reasons(0).input_vanished().source(), "input");
  EXPECT_EQ(stale.reasons(1).input_vanished().source(), "no_table");
  EXPECT_EQ(stale.reasons(2).input_vanished().source(), "no_source");
}

TEST_F(CatalogLineageTest, WhatCannotBeToldIsUndecidable) {
  const auto a = server_.SessionOf(kA);
  AddSource(a, "docs");
  MakeTable(a, "docs", "t", ResultTableKind::kModel,
            MadeFrom({{"docs", "now", AnchorKind::kUnpinnedAtInstant},
                      {"gone", "digest", AnchorKind::kResultDigest}}));
  const auto undecidable = Stale(server_.As(kA), "t").undecidable();
  EXPECT_THAT(undecidable.unpinned(), ElementsAre("docs"));
  ASSERT_EQ(undecidable.decided_reasons_size(), 1);
  EXPECT_EQ(undecidable.decided_reasons(0).input_vanished().source(), "gone");
  // An input that was made anew under its name may be another.
  MakeTable(a, "docs", "gone");
  EXPECT_THAT(Stale(server_.As(kA), "t").undecidable().unpinned(), ElementsAre("docs", "gone"));
}

TEST_F(CatalogLineageTest, DerivesFromIsOneStep) {
  const auto a = server_.SessionOf(kA);
  MakeTable(a, "docs", "input");
  MakeTable(a, "docs", "child", ResultTableKind::kModel,
            MadeFrom({{"docs", "1", AnchorKind::kSourceVersion}, {"input", "d", AnchorKind::kResultDigest}}));
  MakeTable(a, "docs", "grandchild", ResultTableKind::kModel,
            MadeFrom({{"child", "d", AnchorKind::kResultDigest}}));
  MakeTable(server_.SessionOf(kB), "docs", "input");
  wire::DerivesFromRequest request;
  request.set_table("input");
  const auto edges = server_.As(kA).Ask<wire::DerivesFromResponse>("DerivesFrom", request);
  ASSERT_EQ(edges.edges_size(), 1);
  EXPECT_EQ(edges.edges(0).input(), "input");
  EXPECT_EQ(edges.edges(0).derived(), "child");
  EXPECT_EQ(edges.edges(0).kind(), wire::ANCHOR_KIND_RESULT_DIGEST);
  EXPECT_EQ(server_.As(kB).Ask<wire::DerivesFromResponse>("DerivesFrom", request).edges_size(), 0);
}

TEST_F(CatalogLineageTest, SegmentsAreListedAndNamesNotTold) {
  const auto a = server_.SessionOf(kA);
  MakeTable(a, "docs", "t");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(
        a.index_segments().Append("t", {.bundle_path = fmt::format("file:///s{}", i), .row_count = i}));
  }
  const auto reply = Segments(server_.As(kA), "t");
  ASSERT_EQ(reply.segments_size(), 3);
  EXPECT_EQ(reply.segments(2).segment_id(), 2);
  EXPECT_EQ(reply.segments(2).index_path(), "file:///s2");
  EXPECT_EQ(reply.segments(2).row_count(), 2U);
  EXPECT_FALSE(reply.segments(2).has_version());
  EXPECT_EQ(Segments(server_.As(kB), "t").segments_size(), 0);
  EXPECT_EQ(Segments(server_.As(kA), "nowhere").segments_size(), 0);
}

TEST_F(CatalogLineageTest, EveryMethodNeedsAName) {
  const auto a = server_.As(kA);
  ExpectUnreadable(a.Refused<wire::VerifyMaterializationResponse>("VerifyMaterialization",
                                                                  wire::VerifyMaterializationRequest()),
                   "table is required");
  ExpectUnreadable(a.Refused<wire::StalenessResponse>("Staleness", wire::StalenessRequest()),
                   "table is required");
  ExpectUnreadable(a.Refused<wire::DerivesFromResponse>("DerivesFrom", wire::DerivesFromRequest()),
                   "table is required");
  ExpectUnreadable(
      a.Refused<wire::ListIndexSegmentsResponse>("ListIndexSegments", wire::ListIndexSegmentsRequest()),
      "table_name is required");
}

// What is not there yet says so.
TEST_F(CatalogLineageTest, OthersAreNotServedYet) {
  EXPECT_EQ(
      server_.As(kA).Refused<wire::DescribeTableResponse>("DescribeTable", wire::DescribeTableRequest()).code,
      RpcCode::kUnimplemented);
  EXPECT_EQ(server_.As(kA).Refused<wire::ReconcileReport>("Reconcile", wire::ReconcileRequest()).code,
            RpcCode::kUnimplemented);
}

}  // namespace
}  // namespace jammi::test
