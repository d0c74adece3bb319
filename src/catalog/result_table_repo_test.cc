// Result tables: finding, listing, lineage, deleting, tenancy, and the query plans.
#include "catalog/result_table_repo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <latch>
#include <set>
#include <thread>

#include "base/sync_point.h"
#include "catalog/build_recovery.h"
#include "catalog/query_plan.h"
#include "catalog/result_table_build.h"
#include "catalog/result_table_fixture.h"
#include "catalog/segment_repo.h"
#include "catalog/source_repo_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ResultTableRepoTest : public ResultTablesTest {
 protected:
  std::vector<std::string> Anchored(const Scope& scope, const std::string& source, int page_size = 2) {
    return NamesOf(AllPages([&](const std::string& token) {
      return Tables(scope).FindReadyAnchoredOn(source, page_size, token);
    }));
  }
  std::vector<std::string> Defined(const Scope& scope, const std::string& hash, int page_size = 2) {
    return NamesOf(AllPages([&](const std::string& token) {
      return Tables(scope).FindReadyByDefinition(hash, page_size, token);
    }));
  }
  std::string Resolve(const Scope& scope, const std::string& source) {
    return Ok(Tables(scope).ResolveEmbeddingTable(source)).table_name;
  }
  // "<input> > <table>"
  std::vector<std::string> Lineage(const Scope& scope, std::string_view source) {
    std::vector<std::string> texts;
    for (const auto& edge : Ok(Tables(scope).Descendants(source))) {
      texts.push_back(edge.input + " > " + edge.table.table_name);
    }
    return texts;
  }
  void AddSegment(const Scope& scope, std::string table, std::string path) {
    Ok(Segments(scope).Append(table, {.bundle_path = std::move(path), .row_count = 1}));
  }
};
JAMMI_ON_EVERY_DATABASE(ResultTableRepoTest);

// --- Get and List.

TEST_P(ResultTableRepoTest, Cat074OwnBeforeGlobalAndNeverAnothers) {
  Ready(kGlobal, "t");
  const auto own = Ready(kA, "t");
  EXPECT_EQ(Ok(Tables(kA).Get("t")), own);
  EXPECT_EQ(Ok(Tables(kB).Get("t")).owner, kGlobal);
  Ready(kA, "mine");
  for (const Scope& scope : {kB, kOutsider, kGlobal}) {
    const auto refused = Tables(scope).Get("mine");
    ASSERT_TRUE(IsTableNotFound(refused));
    EXPECT_EQ(refused.error().As<ResultTableNotFoundDetail>()->table_name, "mine");
  }
  EXPECT_EQ(CodeOf(Tables(kA).Get("")), ErrorCode::kInvalidArgument);
}

TEST_P(ResultTableRepoTest, Cat074ListsAreByAgeAndFiltered) {
  Ready(kA, Params("b", "docs"));
  auto ner = Params("a", "docs");
  ner.task = ModelTask::kNer;
  ner.model_uid = RegisterModel(kA, "tagger").uid;
  Ready(kA, ner);
  Ready(kGlobal, Params("g", "docs"));
  Start(kA, Params("building", "notes"));
  Ready(kB, "peer");
  EXPECT_THAT(List(kA), ElementsAre("b", "a", "g", "building"));
  EXPECT_THAT(List(kOutsider), ElementsAre("g"));
  EXPECT_THAT(List(kA, {.status = ResultTableStatus::kReady}), ElementsAre("b", "a", "g"));
  EXPECT_THAT(List(kA, {.status = ResultTableStatus::kBuilding}), ElementsAre("building"));
  EXPECT_THAT(List(kA, {.status = ResultTableStatus::kFailed}), IsEmpty());
  EXPECT_THAT(List(kA, {.source_id = "docs"}), ElementsAre("b", "a", "g"));
  EXPECT_THAT(List(kA, {.source_id = "docs", .task = ModelTask::kNer}), ElementsAre("a"));
  EXPECT_THAT(List(kA, {.status = ResultTableStatus::kBuilding, .source_id = "docs"}), IsEmpty());
  EXPECT_THAT(List(kA, {.model_id = "tagger"}), ElementsAre("a"));
  EXPECT_THAT(List(kA, {.source_id = "docs", .model_id = "encoder"}), ElementsAre("b", "g"));
  EXPECT_THAT(List(kA, {.model_id = "no such"}), IsEmpty());
}

TEST_P(ResultTableRepoTest, Wk26PagesAreStableWhileTablesComeAndGo) {
  std::set<std::string> stay;
  for (int i = 0; i < 20; ++i) {
    const Scope scope = i % 2 == 0 ? kA : kGlobal;
    stay.insert(Start(scope, fmt::format("t{:02}", i)).table.table_name);
    if (i % 3 != 0) MoveClock(microseconds(1));  // SQLite's clock stands: some are of one moment
  }
  std::multiset<std::string> seen;
  std::string token;
  int round = 0;
  do {
    const auto page = Ok(Tables(kA).List({}, 3, token));
    for (const auto& table : page.items) seen.insert(table.table_name);
    token = page.next_page_token;
    Start(kA, fmt::format("new{}", round++));
    const auto& last = page.items.back();
    Ok(Tables(last.owner).Delete(last.table_name));  // the row that the token names
  } while (!token.empty() && round < 100);
  for (const auto& name : stay) EXPECT_EQ(seen.count(name), 1U) << name;
}

TEST_P(ResultTableRepoTest, PagesOfAnotherListOrSizeAreRefused) {
  for (int i = 0; i < 3; ++i) Ready(kA, fmt::format("t{}", i));
  const auto token = Ok(Tables(kA).List({}, 1)).next_page_token;
  EXPECT_EQ(CodeOf(Tables(kA).FindReadyByDefinition("hash", 1, token)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Tables(kA).List({}, 1, token + "0")), ErrorCode::kInvalidArgument);
  for (const int size : {0, -1, 1001}) {
    EXPECT_EQ(CodeOf(Tables(kA).List({}, size)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(Tables(kA).FindReadyAnchoredOn("s", size)), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(CodeOf(Tables(kA).List({.status = static_cast<ResultTableStatus>(3)})),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Tables(kA).List({.source_id = ""})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Tables(kA).List({.model_id = ""})), ErrorCode::kInvalidArgument);
  // Another scope goes on at the same moment of its own list.
  EXPECT_THAT(Ok(Tables(kGlobal).List({}, 1, token)).items, IsEmpty());
}

TEST_P(ResultTableRepoTest, Cat080ADamagedRowIsDataLoss) {
  Ready(kA, "t");
  Sql("UPDATE result_tables SET inputs = '[{\"source\":1}]'");
  const auto damaged = Tables(kA).Get("t");
  ASSERT_EQ(CodeOf(damaged), ErrorCode::kDataLoss);
  EXPECT_EQ(damaged.error().As<BackendDetail>()->object, "inputs");
  Sql("UPDATE result_tables SET inputs = '[', text_columns = '{}'");
  EXPECT_EQ(CodeOf(Tables(kA).List()), ErrorCode::kDataLoss);
}

// --- By definition, by input.

TEST_P(ResultTableRepoTest, Cat075TheNewestOfADefinitionIsFirst) {
  Ready(kA, "old", Manifest({}, "h"));
  Ready(kGlobal, "middle", Manifest({}, "h"));
  Ready(kA, "new", Manifest({}, "h"));
  Ready(kA, "other", Manifest({}, "h2"));
  Ready(kB, "peer", Manifest({}, "h"));
  Start(kA, "building");
  EXPECT_THAT(Defined(kA, "h"), ElementsAre("new", "middle", "old"));
  EXPECT_THAT(Defined(kA, "h", 1), ElementsAre("new", "middle", "old"));
  EXPECT_THAT(Defined(kOutsider, "h"), ElementsAre("middle"));
  EXPECT_EQ(CodeOf(Tables(kA).FindReadyByDefinition("")), ErrorCode::kInvalidArgument);
}

TEST_P(ResultTableRepoTest, Cat075OfOneMomentTheLaterNameIsFirst) {
  for (const std::string name : {"b", "c", "a"}) Ready(kA, name);
  Sql("UPDATE result_tables SET created_at = 5");
  EXPECT_THAT(Defined(kA, "hash", 1), ElementsAre("c", "b", "a"));
}

// WK-27: whatever characters a name is made of.
TEST_P(ResultTableRepoTest, Cat076TablesAreFoundByWhatTheyWereMadeFrom) {
  const std::string odd = "a\"b\\c%_\u00e9'";
  Ready(kA, "one", Manifest({"docs", odd, "docs"}));  // twice from one source
  Ready(kGlobal, "two", Manifest({odd}));
  Ready(kA, "three", Manifest({"docs2"}));
  Ready(kB, "peer", Manifest({"docs", odd}));
  Start(kA, "building");
  EXPECT_THAT(Anchored(kA, odd, 1), ElementsAre("one", "two"));
  EXPECT_THAT(Anchored(kA, "docs", 1), ElementsAre("one"));
  EXPECT_THAT(Anchored(kA, "doc"), IsEmpty());
  EXPECT_THAT(Anchored(kOutsider, odd), ElementsAre("two"));
  EXPECT_THAT(Ok(Tables(kA).FindReadyAnchoredOn("docs")).items[0].inputs, SizeIs(3));
  EXPECT_EQ(CodeOf(Tables(kA).FindReadyAnchoredOn("")), ErrorCode::kInvalidArgument);
}

// --- Lineage.

TEST_P(ResultTableRepoTest, Vec104ADescendantComesAfterAllItsInputs) {
  // docs > a, docs > c, a > b, b > c, c > d
  Ready(kA, "a", Manifest({"docs"}));
  Ready(kA, "b", Manifest({"a"}));
  Ready(kA, "c", Manifest({"docs", "b"}));
  Ready(kA, "d", Manifest({"c", "elsewhere"}));
  Ready(kA, "unrelated", Manifest({"elsewhere"}));
  EXPECT_THAT(Lineage(kA, "docs"), ElementsAre("docs > a", "docs > c", "a > b", "b > c", "c > d"));
  EXPECT_THAT(Lineage(kA, "c"), ElementsAre("c > d"));
  EXPECT_THAT(Lineage(kA, "d"), IsEmpty());
  EXPECT_THAT(Lineage(kB, "docs"), IsEmpty());
}

TEST_P(ResultTableRepoTest, Vec104ADiamondIsNoCycle) {
  Ready(kA, "left", Manifest({"docs"}));
  Ready(kA, "right", Manifest({"docs"}));
  Ready(kA, "both", Manifest({"left", "right"}));
  EXPECT_THAT(Lineage(kA, "docs"), ElementsAre("docs > left", "docs > right", "left > both", "right > both"));
}

TEST_P(ResultTableRepoTest, Vec104ACycleIsATypedError) {
  Ready(kA, "entry", Manifest({"docs"}));
  Ready(kA, "x", Manifest({"entry", "y"}));
  Ready(kA, "y", Manifest({"x"}));
  Ready(kA, "after", Manifest({"y"}));
  for (const std::string source : {"docs", "x", "y"}) {
    const auto refused = Tables(kA).Descendants(source);
    ASSERT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition) << source;
    const auto* detail = refused.error().As<DependencyCycleDetail>();
    ASSERT_NE(detail, nullptr);
    EXPECT_THAT(detail->table_name, testing::AnyOf("x", "y"));
  }
  EXPECT_THAT(Lineage(kA, "after"), IsEmpty());
  Ready(kA, "self", Manifest({"self"}));
  EXPECT_EQ(Tables(kA).Descendants("self").error().As<DependencyCycleDetail>()->table_name, "self");
}

TEST_P(ResultTableRepoTest, Vec104AChainOf200HasAllItsEdgesAndALimit) {
  std::string input = "docs";
  for (int i = 0; i < 200; ++i) {
    const auto name = fmt::format("t{:03}", i);
    Ready(i < 100 ? kGlobal : kA, name, Manifest({input}));
    input = name;
  }
  const auto chain = Lineage(kA, "docs");
  ASSERT_THAT(chain, SizeIs(200));
  EXPECT_EQ(chain.back(), "t198 > t199");
  EXPECT_THAT(Lineage(kOutsider, "docs"), SizeIs(100));
  EXPECT_THAT(Ok(Tables(kA).Descendants("docs", 200)), SizeIs(200));
  EXPECT_EQ(CodeOf(Tables(kA).Descendants("docs", 199)), ErrorCode::kResourceExhausted);
  EXPECT_EQ(CodeOf(Tables(kA).Descendants("docs", 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Tables(kA).Descendants("docs", 100'001)), ErrorCode::kInvalidArgument);
}

// A global table is not made from a tenant's, whatever it is called.
TEST_P(ResultTableRepoTest, Vec104GlobalTablesDoNotDescendFromATenants) {
  Ready(kA, "t", Manifest({"docs"}));
  Ready(kGlobal, "g", Manifest({"t"}));
  EXPECT_THAT(Lineage(kA, "docs"), ElementsAre("docs > t"));
}

// A tenant's table may have the name of a global one that it descends from.
TEST_P(ResultTableRepoTest, Vec104TablesOfOneNameAreNoCycle) {
  Ready(kGlobal, "a", Manifest({"docs"}));
  Ready(kGlobal, "b", Manifest({"a"}));
  Ready(kA, "a", Manifest({"b"}));
  Ready(kA, "c", Manifest({"a"}));  // from his own
  EXPECT_THAT(Lineage(kA, "docs"), ElementsAre("docs > a", "a > b", "b > a", "a > c"));
  EXPECT_EQ(Ok(Tables(kA).Descendants("docs"))[2].table.owner, kA);
  EXPECT_THAT(Lineage(kA, "a"), ElementsAre("a > b", "b > a", "a > c"));
  EXPECT_THAT(Lineage(kOutsider, "docs"), ElementsAre("docs > a", "a > b"));
}

// --- Resolving an embedding table.

TEST_P(ResultTableRepoTest, Cat078TheNewestReadyEmbeddingIsUsed) {
  const auto none = Tables(kA).ResolveEmbeddingTable("docs");
  ASSERT_TRUE(IsTableNotFound(none));
  EXPECT_EQ(none.error().As<ResultTableNotFoundDetail>()->source_id, "docs");
  Ready(kA, "z");
  EXPECT_EQ(Resolve(kA, "docs"), "z");
  Ready(kGlobal, "a");
  EXPECT_EQ(Resolve(kA, "docs"), "a");  // newer, though global
  Ready(kA, "m");
  EXPECT_EQ(Resolve(kA, "docs"), "m");
  EXPECT_EQ(Resolve(kB, "docs"), "a");
  EXPECT_TRUE(IsTableNotFound(Tables(kA).ResolveEmbeddingTable("notes")));
  EXPECT_EQ(CodeOf(Tables(kA).ResolveEmbeddingTable("")), ErrorCode::kInvalidArgument);
}

TEST_P(ResultTableRepoTest, Cat078OnlyEmbeddingTasksOfKindModelCount) {
  for (int task = 0; task < 6; ++task) {
    auto params = Params(fmt::format("task{}", task), fmt::format("source{}", task));
    params.task = static_cast<ModelTask>(task);
    Ready(kA, params);
    EXPECT_EQ(Tables(kA).ResolveEmbeddingTable(params.source_id).has_value(), IsEmbeddingTask(params.task));
  }
  auto graph = Params("graph", "s");
  graph.kind = ResultTableKind::kNeighborGraph;
  Ready(kA, graph);
  Start(kA, Params("building", "s"));
  EXPECT_TRUE(IsTableNotFound(Tables(kA).ResolveEmbeddingTable("s")));
}

TEST_P(ResultTableRepoTest, Cat078AGivenNameIsTakenAsItIs) {
  Start(kA, Params("t", "notes"));
  EXPECT_EQ(Ok(Tables(kA).ResolveEmbeddingTable("docs", "t")).table_name, "t");
  EXPECT_TRUE(IsTableNotFound(Tables(kB).ResolveEmbeddingTable("docs", "t")));
}

TEST_P(ResultTableRepoTest, Cat078OfOneMomentTheLaterNameThenTheOwnWins) {
  Ready(kA, "a");
  Ready(kGlobal, "b");
  Sql("UPDATE result_tables SET created_at = 5");
  EXPECT_EQ(Resolve(kA, "docs"), "b");
  Ready(kA, "b");
  Sql("UPDATE result_tables SET created_at = 5");
  EXPECT_EQ(Ok(Tables(kA).ResolveEmbeddingTable("docs")).owner, kA);
}

// --- Deleting.

TEST_P(ResultTableRepoTest, Cat077DeletingForASourceReturnsWhatIsGone) {
  Ready(kA, "b", Manifest({"docs"}));
  AddSegment(kA, "b", "file:///b0");
  AddSegment(kA, "b", "file:///b1");
  Start(kA, "a");
  Ready(kA, Params("other", "notes"));
  Ready(kB, "peer");
  Ready(kGlobal, "global");
  const auto deleted = Ok(Tables(kA).DeleteForSource("docs"));
  ASSERT_THAT(deleted, SizeIs(2));
  EXPECT_EQ(deleted[0].table.table_name, "a");
  EXPECT_EQ(deleted[1].table.table_name, "b");
  EXPECT_EQ(deleted[1].table.model_id, "encoder");
  ASSERT_THAT(deleted[1].segments, SizeIs(2));
  EXPECT_EQ(deleted[1].segments[1].bundle_path, "file:///b1");
  EXPECT_THAT(List(kA), ElementsAre("other", "global"));
  EXPECT_THAT(List(kB), ElementsAre("peer", "global"));
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM index_segments"), 0);
  EXPECT_EQ(GetInt("SELECT COUNT(*) AS v FROM result_table_inputs"), 0);
  EXPECT_THAT(Ok(Tables(kA).DeleteForSource("docs")), IsEmpty());
  EXPECT_THAT(Ok(Tables(kOutsider).DeleteForSource("docs")), IsEmpty());
  EXPECT_EQ(CodeOf(Tables(kA).DeleteForSource("")), ErrorCode::kInvalidArgument);
}

TEST_P(ResultTableRepoTest, Cat077ParentsAndChildrenOfASourceGoTogether) {
  Ready(kA, "parent");
  auto child = Params("child");
  child.derived_from = "parent";
  Ready(kA, child);
  EXPECT_THAT(Ok(Tables(kA).DeleteForSource("docs")), SizeIs(2));
}

// SRV-086. What others see between the two steps is what a crash there would leave.
TEST_P(ResultTableRepoTest, Srv086ASourceAndItsTablesGoAtOnce) {
  Sources sources(Access(kA));
  Ok(sources.Register("docs", SourceType::kFile, File()));
  Ready(kA, "a");
  Ready(kA, Params("other", "notes"));
  Ready(kGlobal, "global");
  AddSegment(kA, "a", "file:///a0");
  bool between = false;
  SetSyncPoint("catalog:source_removed", [&] {
    std::jthread([&] {
      between = true;
      EXPECT_TRUE(sources.Get("docs"));
      EXPECT_THAT(List(kA), ElementsAre("a", "other", "global"));
    }).join();
  });
  const auto deleted = Ok(sources.RemoveWithTables("docs"));
  ClearSyncPoints();
  EXPECT_TRUE(between);
  ASSERT_THAT(deleted, SizeIs(1));
  EXPECT_EQ(deleted[0].table.table_name, "a");
  EXPECT_THAT(deleted[0].segments, SizeIs(1));
  EXPECT_FALSE(sources.Get("docs"));
  EXPECT_THAT(List(kA), ElementsAre("other", "global"));
  EXPECT_EQ(CodeOf(sources.RemoveWithTables("docs")), ErrorCode::kNotFound);
}

TEST_P(ResultTableRepoTest, Srv086ASourceStaysIfOneOfItsTablesMust) {
  Sources sources(Access(kA));
  Ok(sources.Register("docs", SourceType::kFile, File()));
  Ready(kA, "parent");
  auto child = Params("child", "notes");
  child.derived_from = "parent";
  Ready(kA, child);
  const auto refused = sources.RemoveWithTables("docs");
  ASSERT_NE(refused.error().As<ResultTableReferencedDetail>(), nullptr);
  EXPECT_TRUE(sources.Get("docs"));
  EXPECT_THAT(List(kA), ElementsAre("parent", "child"));
  // Without a source of the caller's own its tables stay, too.
  EXPECT_EQ(CodeOf(Sources(Access(kB)).RemoveWithTables("docs")), ErrorCode::kNotFound);
  EXPECT_EQ(CodeOf(sources.RemoveWithTables("notes")), ErrorCode::kNotFound);
  EXPECT_THAT(List(kA), ElementsAre("parent", "child"));
}

TEST_P(ResultTableRepoTest, WhatOthersAreDerivedFromStays) {
  Ready(kGlobal, "parent");
  Ready(kGlobal, "sibling");
  auto child = Params("child");
  child.derived_from = "parent";
  Ready(kA, child);
  const auto refused = Tables(kGlobal).Delete("parent");
  ASSERT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  ASSERT_NE(refused.error().As<ResultTableReferencedDetail>(), nullptr);
  EXPECT_EQ(refused.error().As<ResultTableReferencedDetail>()->table_name, "parent");
  const auto all = Tables(kGlobal).DeleteForSource("docs");
  ASSERT_NE(all.error().As<ResultTableReferencedDetail>(), nullptr);
  EXPECT_THAT(List(kGlobal), ElementsAre("parent", "sibling"));
  Ok(Tables(kA).Delete("child"));
  Ok(Tables(kGlobal).Delete("parent"));
  EXPECT_THAT(List(kGlobal), ElementsAre("sibling"));
}

TEST_P(ResultTableRepoTest, Ten021NobodyDeletesAGlobalOrAnothersTable) {
  Ready(kA, "t");
  Ready(kGlobal, "g");
  for (const Scope& scope : {kB, kOutsider, kGlobal}) EXPECT_TRUE(IsTableNotFound(Tables(scope).Delete("t")));
  EXPECT_TRUE(IsTableNotFound(Tables(kA).Delete("g")));
  EXPECT_THAT(List(kA), ElementsAre("t", "g"));
  EXPECT_EQ(Ok(Tables(kA).Delete("t")).table.table_name, "t");
  EXPECT_TRUE(IsTableNotFound(Tables(kA).Delete("t")));
}

TEST_P(ResultTableRepoTest, ADeletedBuildIsNotPromoted) {
  const auto build = Start(kA, "t");
  Ok(Tables(kA).Delete("t"));
  EXPECT_TRUE(IsTableNotFound(Tables(kA).Promote("t", build.lease, Manifest())));
  Start(kA, "t");
}

// Each segment is either in the answer of the deletion or was refused: none is left without an owner.
TEST_P(ResultTableRepoTest, Cat094NoSegmentIsLostBesideADeletion) {
  for (int round = 0; round < 8; ++round) {
    const auto name = fmt::format("t{}", round);
    Ready(kA, name);
    std::latch start(2);
    std::vector<std::string> appended;
    std::jthread appender([&] {
      start.arrive_and_wait();
      for (int i = 0; i < 20; ++i) {
        const auto path = fmt::format("file:///{}", i);
        const auto added = Segments(kA).Append(name, {.bundle_path = path});
        if (!added) return;
        appended.push_back(path);
      }
    });
    start.arrive_and_wait();
    const auto deleted = Ok(Tables(kA).Delete(name));
    appender.join();
    std::vector<std::string> paths;
    for (const auto& segment : deleted.segments) paths.push_back(segment.bundle_path);
    EXPECT_EQ(paths, appended);
  }
}

// --- Work grows with what is asked, not with what is stored.

TEST_P(ResultTableRepoTest, Wk25NoStatementScansOrSortsAmong100000Tables) {
  Params("t");
  Sql("INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, status, revision, "
      "created_at, updated_at) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < "
      "9999) "
      "SELECT '', 'm' || i, 1, 'uid' || i, 'embedding', 'ner', 'candle', 'registered', 1, i, i FROM n");
  Sql("INSERT INTO result_tables (scope, table_name, kind, source_id, model_uid, task, parquet_path, status, "
      "lease_holder, lease_epoch, lease_expires_at, definition_hash, created_at, completed_at) "
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
      "SELECT CASE WHEN i % 3 = 0 THEN '' ELSE $1 END, 't' || i, 'model', 's' || (i / 100), $2, "
      "'text_embedding', 'p', CASE WHEN i % 100 = 0 THEN 'building' ELSE 'ready' END, "
      "CASE WHEN i % 100 = 0 THEN 'b' END, 1, CASE WHEN i % 100 = 0 THEN i END, "
      "CASE WHEN i % 100 > 0 THEN 'h' || (i / 10) END, i, CASE WHEN i % 100 > 0 THEN i END FROM n",
      {kA.Key(), model_.uid.value});
  Sql("INSERT INTO result_table_inputs (made_scope, made_table, source, made_at) "
      "SELECT scope, table_name, source_id, created_at FROM result_tables WHERE status = 'ready'");
  Sql("INSERT INTO index_segments (scope, table_name, segment_id, bundle_path, row_count, created_at) "
      "SELECT scope, table_name, 0, 'p', 1, 0 FROM result_tables");
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  ExpectNoScanOrSort(backend(), ResultTableStatements());
  ExpectNoScanOrSort(backend(), BuildStatements());
  ExpectNoScanOrSort(backend(), SegmentStatements());
  ExpectNoScanOrSort(backend(), LineageStatements());
  ExpectNoScanOrSort(backend(), RecoveryStatements());
  EXPECT_THAT(Ok(Tables(kA).List({.status = ResultTableStatus::kReady}, 10)).items, SizeIs(10));
  EXPECT_EQ(Resolve(kA, "s7"), "t799");
}

// --- The schema.

TEST_P(ResultTableRepoTest, Wk35TheDatabaseKnowsTheSameTextsAsWe) {
  Ready(kA, "t");
  for (int kind = 0; kind < 3; ++kind)
    Sql("UPDATE result_tables SET kind = $1", {ToString(static_cast<ResultTableKind>(kind))});
  for (int task = 0; task < 6; ++task)
    Sql("UPDATE result_tables SET task = $1", {ToString(static_cast<ModelTask>(task))});
  for (int precision = 0; precision < 4; ++precision)
    Sql("UPDATE result_tables SET storage_precision = $1",
        {ToString(static_cast<StoragePrecision>(precision))});
  for (const std::string change :
       {"kind = 'pile'", "task = 'juggling'", "status = 'pending'", "status = 'building'",
        "status = 'failed'", "storage_precision = 'f64'", "dimensions = 0", "dimensions = 2147483648",
        "oversample = 0", "row_count = -1", "lease_epoch = 0", "lease_holder = 'b'", "lease_expires_at = 1",
        "completed_at = NULL", "definition_hash = NULL", "derived_from = 'x'", "distance_metric = 'l2'"}) {
    const auto refused = backend().Transact(
        {}, [&](Transaction& tx) { return tx.Execute("UPDATE result_tables SET " + change); });
    ASSERT_FALSE(refused) << change;
    EXPECT_EQ(refused.error().As<BackendDetail>()->fault, BackendFault::kCheck) << change;
  }
}

}  // namespace
}  // namespace jammi::test
