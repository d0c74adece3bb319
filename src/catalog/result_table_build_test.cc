// Builds of result tables: creation, leases, promotion, and who may not write.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "catalog/result_table_fixture.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::Optional;
using testing::StartsWith;

class ResultTableBuildTest : public ResultTablesTest {};
JAMMI_ON_EVERY_DATABASE(ResultTableBuildTest);

// --- Creation.

TEST_P(ResultTableBuildTest, Cat070ANewTableIsBuildingAndEmpty) {
  auto params = Params("t");
  params.task = ModelTask::kImageEmbedding;
  params.dimensions = 384;
  params.storage_precision = StoragePrecision::kInt8;
  params.oversample = 4;
  params.key_column = "id";
  params.text_columns = {"a,b", "\"c\""};
  const auto build = Start(kA, params);
  EXPECT_EQ(build.lease, (LeaseToken{"builder", build.table.created_at}));
  const auto& table = build.table;
  EXPECT_EQ(build.lease_expires_at, table.created_at + microseconds(kLease).count());
  EXPECT_EQ(table.owner, kA);
  EXPECT_EQ(table.status, ResultTableStatus::kBuilding);
  EXPECT_EQ(table.row_count, 0);
  EXPECT_EQ(table.distance_metric, "cosine");
  EXPECT_EQ(table.model_id, "encoder");
  EXPECT_EQ(table.dimensions, 384);
  EXPECT_EQ(table.storage_precision, StoragePrecision::kInt8);
  EXPECT_EQ(table.oversample, 4);
  EXPECT_THAT(table.text_columns, ElementsAre("a,b", "\"c\""));
  EXPECT_EQ(table.completed_at, std::nullopt);
  EXPECT_EQ(table.checkpoint, std::nullopt);
  Reopen();
  EXPECT_EQ(Ok(Tables(kA).Get("t")), table);
}

TEST_P(ResultTableBuildTest, Cat070WhatIsAbsentReadsAsAbsent) {
  const auto table = Start(kA, "t").table;
  EXPECT_EQ(table.dimensions, std::nullopt);
  EXPECT_EQ(table.storage_precision, std::nullopt);
  EXPECT_EQ(table.oversample, std::nullopt);
  EXPECT_EQ(table.key_column, std::nullopt);
  EXPECT_THAT(table.text_columns, IsEmpty());
  EXPECT_EQ(table.definition_hash, std::nullopt);
}

TEST_P(ResultTableBuildTest, Cat071NamesAreMadeFromWhatTheTableIs) {
  const UnixMicros now = 1'767'323'045'123'456;  // 2026-01-02T03:04:05.123456Z
  const auto name = MakeResultTableName("docs", ModelTask::kTextEmbedding, "org/m:v 1.5", now);
  EXPECT_THAT(name, MatchesRegex("docs__text_embedding__org_m_v_1_5__20260102T030405123456000_[0-9a-f]{8}"));
  EXPECT_NE(MakeResultTableName("docs", ModelTask::kTextEmbedding, "org/m:v 1.5", now), name);
  // 64 bytes, but no half of a character; nothing that leads out of a folder.
  const auto cut = MakeResultTableName("../x", ModelTask::kNer, std::string(63, 'm') + "\u00e9x", now);
  EXPECT_THAT(cut, StartsWith("___x__ner__" + std::string(63, 'm') + "__2026"));
  Start(kA, cut);
}

TEST_P(ResultTableBuildTest, ANameIsTakenOncePerScope) {
  const auto first = Start(kA, "t").table;
  EXPECT_EQ(CodeOf(Tables(kA).Create(Params("t", "other"), "b", kLease)), ErrorCode::kAlreadyExists);
  EXPECT_EQ(Ok(Tables(kA).Get("t")), first);
  Start(kB, "t");
  Start(kGlobal, "t");
}

TEST_P(ResultTableBuildTest, Wk30AModelMustBeThereAndVisible) {
  const auto private_model = RegisterModel(kB, "secret");
  auto params = Params("t");
  params.model_uid = private_model.uid;
  const auto refused = Tables(kA).Create(params, "b", kLease);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kNotFound);
  EXPECT_NE(refused.error().As<ModelNotFoundDetail>(), nullptr);
  params.model_uid = ModelUid{"no such model"};
  EXPECT_EQ(CodeOf(Tables(kA).Create(params, "b", kLease)), ErrorCode::kNotFound);
  params.model_uid.reset();
  EXPECT_EQ(CodeOf(Tables(kA).Create(params, "b", kLease)), ErrorCode::kInvalidArgument);
  params.kind = ResultTableKind::kNeighborGraph;
  EXPECT_EQ(Start(kA, params).table.model_uid, std::nullopt);
  params.model_uid = private_model.uid;
  Start(kB, params);
  // The reference is real: the model stays as long as the table.
  EXPECT_EQ(CodeOf(ModelsOf(kB).Delete("secret")), ErrorCode::kFailedPrecondition);
  Ok(Tables(kB).Delete("t"));
  Ok(ModelsOf(kB).Delete("secret"));
}

TEST_P(ResultTableBuildTest, ATableIsDerivedFromOneThatItsOwnerSees) {
  Ready(kGlobal, "shared");
  Ready(kA, "own");
  auto params = Params("child");
  params.derived_from = "shared";
  EXPECT_EQ(Start(kA, params).table.derived_from, (ResultTableRef{kGlobal, "shared"}));
  Ready(kA, "shared");  // own before global
  params.table_name = "child2";
  EXPECT_EQ(Start(kA, params).table.derived_from, (ResultTableRef{kA, "shared"}));
  params.derived_from = "own";
  EXPECT_TRUE(IsTableNotFound(Tables(kB).Create(params, "b", kLease)));
  EXPECT_TRUE(IsTableNotFound(Tables(kGlobal).Create(params, "b", kLease)));
}

TEST_P(ResultTableBuildTest, BadArgumentsAreRefusedByName) {
  const auto refused = [&](std::string_view field, auto change, std::string_view builder = "b",
                           microseconds lease = kLease) {
    auto params = Params("t");
    change(params);
    const auto result = Tables(kA).Create(params, builder, lease);
    ASSERT_EQ(CodeOf(result), ErrorCode::kInvalidArgument) << field;
    EXPECT_THAT(result.error().message(), testing::HasSubstr(field));
  };
  refused("table_name", [](auto& p) { p.table_name = ""; });
  refused("table_name", [](auto& p) { p.table_name = std::string(513, 'x'); });
  refused("table_name", [](auto& p) { p.table_name = std::string("a\0b", 3); });
  refused("kind", [](auto& p) { p.kind = static_cast<ResultTableKind>(3); });
  refused("source_id", [](auto& p) { p.source_id = ""; });
  refused("source_id", [](auto& p) { p.source_id = "\xff"; });
  refused("model_uid", [](auto& p) { p.model_uid = ModelUid{""}; });
  refused("task", [](auto& p) { p.task = static_cast<ModelTask>(6); });
  refused("parquet_path", [](auto& p) { p.parquet_path = ""; });
  refused("dimensions", [](auto& p) { p.dimensions = 0; });
  refused("storage_precision", [](auto& p) { p.storage_precision = static_cast<StoragePrecision>(4); });
  refused("oversample", [](auto& p) { p.oversample = -1; });
  refused("key_column", [](auto& p) { p.key_column = ""; });
  refused("text_columns", [](auto& p) { p.text_columns = {"a", ""}; });
  refused("text_columns", [](auto& p) { p.text_columns.assign(200, std::string(512, 'c')); });
  refused("table_name", [](auto& p) { p.derived_from = ""; });
  refused(
      "lease", [](auto&) {}, "");
  refused(
      "lease", [](auto&) {}, "b", microseconds(0));
  refused(
      "lease", [](auto&) {}, "b", microseconds::max());
  EXPECT_THAT(List(kA), IsEmpty());
}

// --- Leases.

TEST_P(ResultTableBuildTest, Wk15AHeartbeatProlongsTheLease) {
  const auto build = Start(kA, "t");
  MoveClock(seconds(20));
  const auto expires_at = Ok(Tables(kA).Heartbeat("t", build.lease, kLease));
  EXPECT_GE(expires_at, build.lease_expires_at + microseconds(seconds(20)).count());
  MoveClock(seconds(20));  // more than the first lease
  Ok(Tables(kA).SetCheckpoint("t", build.lease, 7));
  EXPECT_EQ(Ok(Tables(kA).Promote("t", build.lease, Manifest())).status, ResultTableStatus::kReady);
}

TEST_P(ResultTableBuildTest, Wk16AnExpiredLeaseWritesNothing) {
  const auto build = Start(kA, "t");
  MoveClock(kLease);
  EXPECT_EQ(LostTo(Tables(kA).Heartbeat("t", build.lease, kLease)), build.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).SetCheckpoint("t", build.lease, 1)), build.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).Promote("t", build.lease, Manifest())), build.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).Fail("t", build.lease)), build.lease.epoch);
  EXPECT_EQ(Ok(Tables(kA).Get("t")), build.table);
}

TEST_P(ResultTableBuildTest, Wk16AnotherHolderOrEpochWritesNothing) {
  const auto build = Start(kA, "t");
  const int64_t epoch = build.lease.epoch;
  for (const LeaseToken& token : {LeaseToken{"other", epoch}, LeaseToken{"builder", epoch + 1}}) {
    EXPECT_EQ(LostTo(Tables(kA).Heartbeat("t", token, kLease)), build.lease.epoch);
    EXPECT_EQ(LostTo(Tables(kA).SetCheckpoint("t", token, 1)), build.lease.epoch);
    EXPECT_EQ(LostTo(Tables(kA).Promote("t", token, Manifest())), build.lease.epoch);
    EXPECT_EQ(LostTo(Tables(kA).Fail("t", token)), build.lease.epoch);
  }
  EXPECT_EQ(Ok(Tables(kA).Get("t")), build.table);
}

// A builder that stalls while its table is deleted and built anew, by a builder of his name.
TEST_P(ResultTableBuildTest, Wk16ABuilderOfADeletedTableIsNoneOfItsSuccessor) {
  const auto before = Start(kA, "t");
  Ok(Tables(kA).Delete("t"));
  MoveClock(microseconds(1));
  const auto after = Start(kA, "t");
  EXPECT_GT(after.lease.epoch, before.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).Heartbeat("t", before.lease, kLease)), after.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).SetCheckpoint("t", before.lease, 1)), after.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).Promote("t", before.lease, Manifest())), after.lease.epoch);
  EXPECT_EQ(LostTo(Tables(kA).Fail("t", before.lease)), after.lease.epoch);
  EXPECT_EQ(LostTo(Segments(kA).Append("t", {.bundle_path = "p"}, before.lease)), after.lease.epoch);
  Ok(Tables(kA).Promote("t", after.lease, Manifest()));
}

TEST_P(ResultTableBuildTest, Cat079ACheckpointIsKept) {
  const auto build = Start(kA, "t");
  Ok(Tables(kA).SetCheckpoint("t", build.lease, 0));
  EXPECT_EQ(Ok(Tables(kA).Get("t")).checkpoint, 0);
  const int64_t huge = std::numeric_limits<int64_t>::max();
  Ok(Tables(kA).SetCheckpoint("t", build.lease, huge));
  Reopen();
  EXPECT_EQ(Ok(Tables(kA).Get("t")).checkpoint, huge);
  EXPECT_EQ(CodeOf(Tables(kA).SetCheckpoint("t", build.lease, -1)), ErrorCode::kInvalidArgument);
}

// --- The end of a build.

TEST_P(ResultTableBuildTest, Cat073PromotionWritesTheManifest) {
  const auto build = Start(kA, "t");
  auto manifest = Manifest({"docs", "a \"quoted\" \\ n\u00e4me"});
  manifest.row_count = 5'000'000'000;  // more than 32 bits
  manifest.inputs.push_back({"docs", "2026-01-02T03:04:05Z", AnchorKind::kUnpinnedAtInstant});
  MoveClock(seconds(5));
  const auto table = Ok(Tables(kA).Promote("t", build.lease, manifest));
  EXPECT_EQ(table.status, ResultTableStatus::kReady);
  EXPECT_EQ(table.row_count, 5'000'000'000);
  EXPECT_EQ(table.definition_hash, "hash");
  EXPECT_EQ(table.inputs, manifest.inputs);
  EXPECT_EQ(table.owner, kA);
  EXPECT_GE(table.completed_at, build.table.created_at + microseconds(seconds(5)).count());
  Reopen();
  EXPECT_EQ(Ok(Tables(kA).Get("t")), table);
}

TEST_P(ResultTableBuildTest, Cat072AFailedTableHasNoRows) {
  const auto build = Start(kA, "t");
  const auto table = Ok(Tables(kA).Fail("t", build.lease));
  EXPECT_EQ(table.status, ResultTableStatus::kFailed);
  EXPECT_EQ(table.row_count, 0);
  EXPECT_NE(table.completed_at, std::nullopt);
}

TEST_P(ResultTableBuildTest, Wk15ABuildEndsOnce) {
  const auto ready = Start(kA, "ready");
  Ok(Tables(kA).Promote("ready", ready.lease, Manifest()));
  const auto failed = Start(kA, "failed");
  Ok(Tables(kA).Fail("failed", failed.lease));
  for (const auto& [table, token, expires_at] : {ready, failed}) {
    const std::string& name = table.table_name;
    const auto before = Ok(Tables(kA).Get(name));
    EXPECT_EQ(LostTo(Tables(kA).Promote(name, token, Manifest({}, "other"))), token.epoch);
    EXPECT_EQ(LostTo(Tables(kA).Fail(name, token)), token.epoch);
    EXPECT_EQ(LostTo(Tables(kA).Heartbeat(name, token, kLease)), token.epoch);
    EXPECT_EQ(Ok(Tables(kA).Get(name)), before);
  }
}

TEST_P(ResultTableBuildTest, BadManifestsAreRefusedByName) {
  const auto build = Start(kA, "t");
  const auto refused = [&](std::string_view field, auto change) {
    auto manifest = Manifest({"docs"});
    change(manifest);
    const auto result = Tables(kA).Promote("t", build.lease, manifest);
    ASSERT_EQ(CodeOf(result), ErrorCode::kInvalidArgument) << field;
    EXPECT_THAT(result.error().message(), testing::HasSubstr(field));
  };
  refused("row_count", [](auto& m) { m.row_count = -1; });
  refused("definition_hash", [](auto& m) { m.definition_hash = ""; });
  refused("definition_hash", [](auto& m) { m.definition_hash = std::string(129, 'h'); });
  refused("inputs", [](auto& m) { m.inputs.resize(257, m.inputs[0]); });
  refused("inputs.source", [](auto& m) { m.inputs[0].source = ""; });
  refused("inputs.anchor", [](auto& m) { m.inputs[0].anchor = ""; });
  refused("inputs.kind", [](auto& m) { m.inputs[0].kind = static_cast<AnchorKind>(4); });
  EXPECT_EQ(CodeOf(Tables(kA).Promote("t", {"", 1}, Manifest())), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Tables(kA).Promote("t", {"b", 0}, Manifest())), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(Tables(kA).Promote("", build.lease, Manifest())), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Ok(Tables(kA).Get("t")), build.table);
}

// --- Tenancy (9.6 (c)).

TEST_P(ResultTableBuildTest, Wk09NobodyWritesToAGlobalOrAnothersBuild) {
  const auto build = Start(kA, "t");
  const auto global = Start(kGlobal, "g");
  const auto tries = [&](const Scope& scope, const ResultTables::Build& target) {
    const std::string& name = target.table.table_name;
    EXPECT_TRUE(IsTableNotFound(Tables(scope).Heartbeat(name, target.lease, kLease)));
    EXPECT_TRUE(IsTableNotFound(Tables(scope).SetCheckpoint(name, target.lease, 1)));
    EXPECT_TRUE(IsTableNotFound(Tables(scope).Promote(name, target.lease, Manifest())));
    EXPECT_TRUE(IsTableNotFound(Tables(scope).Fail(name, target.lease)));
    EXPECT_EQ(Ok(Tables(target.table.owner).Get(name)), target.table);
  };
  tries(kB, build);
  tries(kOutsider, build);
  tries(kGlobal, build);
  tries(kA, global);
  tries(kB, global);
}

// The same name and token in another scope: it is a build of its own.
TEST_P(ResultTableBuildTest, Wk13BuildsOfOneNameDoNotMeet) {
  const auto a = Start(kA, "t");
  const auto b = Start(kB, "t");
  Sql("UPDATE result_tables SET lease_epoch = $1", {a.lease.epoch});
  Ok(Tables(kA).Promote("t", a.lease, Manifest({"docs"})));
  EXPECT_EQ(Ok(Tables(kB).Get("t")), b.table);
  EXPECT_EQ(Ok(Tables(kB).Promote("t", a.lease, Manifest())).owner, kB);
  EXPECT_THAT(Ok(Tables(kB).FindReadyAnchoredOn("docs")).items, IsEmpty());
}

}  // namespace
}  // namespace jammi::test
