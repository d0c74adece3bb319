// The model registry: rules CAT-001..011 and the published cases of models, tenancy
// verb by verb, bad input, the schema and the query plans.
#include "catalog/model_repo.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <set>

#include "catalog/model_repo_fixture.h"
#include "catalog/query_plan.h"

namespace jammi::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

JAMMI_ON_EVERY_DATABASE(ModelsTest);

// --- Rules.

TEST_P(ModelsTest, Cat001TextOfTheKeyNamesTenantNameAndVersion) {
  EXPECT_EQ(Ok(As(kGlobal).Register(Params("org/x", 3))).CatalogPk(), "org/x::3");
  EXPECT_EQ(Ok(As(kA).Register(Params("org/x", 3))).CatalogPk(), kA.Key() + "::org/x::3");
}

// The text of a key is ambiguous (WK-08): a global model called "<tenant>::x" reads like the tenant's x.
// They used to be one row for whoever takes the text for the key; here they are two.
TEST_P(ModelsTest, Cat001EqualTextsAreDifferentModels) {
  auto params = Params("x", 1);
  params.artifact_path = "/tenant";
  const auto tenants = Ok(As(kA).Register(params));
  params.model_id = kA.Key() + "::x";
  params.artifact_path = "/global";
  const auto global = Ok(As(kGlobal).Upsert(params));
  EXPECT_EQ(tenants.CatalogPk(), global.CatalogPk());
  EXPECT_NE(tenants.uid, global.uid);
  EXPECT_EQ(Ok(As(kA).Get("x")), tenants);
}

TEST_P(ModelsTest, Cat002RegistersWithStatusOwnerAndEveryField) {
  RegisterModelParams params = {.model_id = "ranker",
                                .version = 2,
                                .model_type = "fine-tuned",
                                .backend = "vllm",
                                .task = ModelTask::kRegression,
                                .base_model_id = "never registered",
                                .artifact_path = "s3://bucket/ranker",
                                .config_json = R"( {"a": 1e300} )"};
  for (const auto& scope : {kA, kGlobal}) {
    const auto since = Now();
    const auto stored = Ok(As(scope).Register(params));
    ModelRecord expected = {.model_id = "ranker",
                            .uid = stored.uid,
                            .owner = scope,
                            .version = 2,
                            .model_type = "fine-tuned",
                            .base_model_id = "never registered",
                            .backend = "vllm",
                            .task = ModelTask::kRegression,
                            .artifact_path = "s3://bucket/ranker",
                            .config_json = R"( {"a": 1e300} )",
                            .status = ModelStatus::kRegistered,
                            .revision = 1};
    ExpectChanged(stored, expected, since);
    EXPECT_EQ(Ok(As(scope).Get("ranker")), stored);
  }
  const auto plain = Ok(As(kA).Register(Params("plain")));
  EXPECT_EQ(plain.version, 1);
  EXPECT_EQ(plain.base_model_id, std::nullopt);
  EXPECT_EQ(plain.artifact_path, std::nullopt);
  EXPECT_EQ(plain.config_json, std::nullopt);
}

TEST_P(ModelsTest, RegisterRefusesAVersionThatIsThere) {
  const auto first = Ok(As(kA).Register(Params("ranker", 2)));
  auto other = Params("ranker", 2);
  other.backend = "vllm";
  const auto refused = As(kA).Register(other);
  EXPECT_EQ(CodeOf(refused), ErrorCode::kAlreadyExists);
  EXPECT_THAT(refused.error().message(), HasSubstr("ranker version 2"));
  EXPECT_EQ(Ok(As(kA).Get("ranker")), first);
}

TEST_P(ModelsTest, Cat003RegisteringAgainRefreshesAndKeeps) {
  RegisterModelParams params = Params("ranker", 2);
  params.base_model_id = "base";
  params.artifact_path = "/first";
  params.config_json = "{}";
  const auto first = Ok(As(kA).Upsert(params));
  EXPECT_EQ(first.revision, 1);
  Ok(As(kA).UpdateStatus("ranker", 2, ModelStatus::kLoaded));

  MoveClock(std::chrono::microseconds(7));
  const auto since = Now();
  const auto second = Ok(As(kA).Upsert({.model_id = "ranker",
                                        .version = 2,
                                        .model_type = "fine-tuned",
                                        .backend = "http",
                                        .task = ModelTask::kNer}));
  ModelRecord expected = first;  // name, version, status, creation time, uid and owner stay
  expected.status = ModelStatus::kLoaded;
  expected.model_type = "fine-tuned";
  expected.backend = "http";
  expected.task = ModelTask::kNer;
  expected.base_model_id = std::nullopt;  // as given: absent
  expected.config_json = std::nullopt;
  expected.artifact_path = "/first";  // COALESCE: registering cannot clear it
  expected.revision = 3;
  ExpectChanged(second, expected, since);

  params.artifact_path = "/second";
  EXPECT_EQ(Ok(As(kA).Upsert(params)).artifact_path, "/second");
}

TEST_P(ModelsTest, Cat004OwnBeatsGlobalThenTheHighestVersion) {
  Ok(As(kGlobal).Register(Params("m", 9)));
  Ok(As(kGlobal).Register(Params("m", 10)));
  EXPECT_EQ(Ok(As(kA).Get("m")).CatalogPk(), "m::10");
  Ok(As(kA).Register(Params("m", 1)));
  EXPECT_EQ(Ok(As(kA).Get("m")).CatalogPk(), kA.Key() + "::m::1");
  Ok(As(kA).Register(Params("m", 2)));
  EXPECT_EQ(Ok(As(kA).LatestVersion("m")), 2);
  EXPECT_EQ(Ok(As(kB).LatestVersion("m")), 10);
  EXPECT_EQ(Ok(As(kGlobal).LatestVersion("m")), 10);
  EXPECT_TRUE(IsModelNotFound(As(kA).Get("M"), "M"));
  EXPECT_TRUE(IsModelNotFound(As(kA).LatestVersion("other"), "other"));
}

TEST_P(ModelsTest, Cat005AVersionOwnBeatsGlobal) {
  Ok(As(kGlobal).Register(Params("m", 1)));
  Ok(As(kGlobal).Register(Params("m", 2)));
  Ok(As(kA).Register(Params("m", 1)));
  EXPECT_EQ(Ok(As(kA).GetVersion("m", 1)).owner, kA);
  EXPECT_EQ(Ok(As(kA).GetVersion("m", 2)).owner, kGlobal);
  EXPECT_EQ(Ok(As(kB).GetVersion("m", 1)).owner, kGlobal);
  const auto absent = As(kA).GetVersion("m", 3);
  EXPECT_TRUE(IsModelNotFound(absent, "m"));
  EXPECT_THAT(absent.error().message(), HasSubstr("m version 3"));
}

TEST_P(ModelsTest, Cat006ListsEveryVisibleVersionByCreationTime) {
  Ok(As(kA).Register(Params("z", 1)));
  MoveClock(std::chrono::seconds(1));
  Ok(As(kGlobal).Register(Params("z", 1)));
  Ok(As(kB).Register(Params("z", 1)));
  MoveClock(std::chrono::seconds(1));
  Ok(As(kA).Register(Params("b", 1)));
  Ok(As(kA).Register(Params("a", 2)));
  Ok(As(kGlobal).Register(Params("a", 2)));
  Ok(As(kA).Register(Params("a", 1)));
  Sql("UPDATE models SET created_at = $1 WHERE name <> 'z'", {Now()});  // of one moment
  const std::vector<std::string> of_a = {
      kA.Key() + "::z::1", "z::1", kA.Key() + "::a::1", "a::2", kA.Key() + "::a::2", kA.Key() + "::b::1"};
  for (const int page_size : {1, 2, 3, 5, 6, 7, 1000}) {
    std::vector<std::string> listed;
    for (const auto& record : ListAll(kA, page_size)) listed.push_back(record.CatalogPk());
    EXPECT_EQ(listed, of_a) << page_size;
  }
  const auto global = ListAll(kGlobal, 1);
  ASSERT_EQ(global.size(), 2U);
  EXPECT_EQ(global[0].CatalogPk(), "z::1");
  EXPECT_EQ(global[1].CatalogPk(), "a::2");
}

// The database refuses such a row; one that somebody has edited may hold it.
TEST_P(ModelsTest, Cat007AnUndecodableColumnIsATypeConversion) {
  Ok(As(kA).Register(Params("m")));
  for (const std::string column : {"task", "status"}) {
    SqlWithoutChecks("UPDATE models SET " + column + " = 'juggling'");
    const auto damaged = As(kA).Get("m");
    EXPECT_EQ(CodeOf(damaged), ErrorCode::kDataLoss);
    ASSERT_NE(damaged.error().As<BackendDetail>(), nullptr);
    EXPECT_EQ(damaged.error().As<BackendDetail>()->fault, BackendFault::kTypeConversion);
    EXPECT_EQ(damaged.error().As<BackendDetail>()->object, column);
    EXPECT_THAT(damaged.error().message(), HasSubstr("'juggling'"));
    EXPECT_EQ(CodeOf(As(kA).ListDescriptors()), ErrorCode::kDataLoss);
    SqlWithoutChecks("UPDATE models SET task = 'ner', status = 'loaded'");
  }
  EXPECT_EQ(Ok(As(kA).Get("m")).task, ModelTask::kNer);
}

TEST_P(ModelsTest, Cat008DeletesTheGivenVersionElseTheHighest) {
  for (const int version : {1, 2, 3}) Ok(As(kA).Register(Params("m", version)));
  Ok(As(kA).Delete("m", 2));
  EXPECT_TRUE(IsModelNotFound(As(kA).GetVersion("m", 2), "m"));
  Ok(As(kA).Delete("m"));
  EXPECT_EQ(Ok(As(kA).LatestVersion("m")), 1);
  Ok(As(kA).Delete("m"));
  EXPECT_TRUE(IsModelNotFound(As(kA).Delete("m"), "m"));
  EXPECT_TRUE(IsModelNotFound(As(kA).Delete("m", 1), "m"));
  Ok(As(kA).Delete("m", std::nullopt, Models::OnMissing::kIgnore));
}

TEST_P(ModelsTest, Cat008AVisibleModelOfOthersIsNotFoundEvenWhereAbsenceIsIgnored) {
  Ok(As(kGlobal).Register(Params("m", 9)));
  EXPECT_TRUE(IsModelNotFound(As(kA).Delete("m", std::nullopt, Models::OnMissing::kIgnore), "m"));
  // An own version does not make the global one deletable.
  Ok(As(kA).Register(Params("m", 1)));
  EXPECT_TRUE(IsModelNotFound(As(kA).Delete("m", 9, Models::OnMissing::kIgnore), "m"));
  EXPECT_EQ(Ok(As(kGlobal).LatestVersion("m")), 9);
}

TEST_P(ModelsTest, Cat009EdgesAreNamedInOrderAndNothingChanges) {
  const auto base = Ok(As(kA).Register(Params("base")));
  const auto model = Ok(As(kA).Register(Params("m")));
  AddEvalRun(kA, "run", model.uid);
  AddJob(kA, "as base", model.uid, std::nullopt);
  AddJob(kA, "as output", base.uid, model.uid);
  AddResultTable(kA, "table", model.uid);
  const auto refused = As(kA).Delete("m");
  EXPECT_EQ(CodeOf(refused), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(refused.error().As<ModelReferencedDetail>()->model_id, "m");
  EXPECT_THAT(ReferencedBy(refused), ElementsAre("result_tables", "training_jobs.output_model_id",
                                                 "training_jobs.base_model_id", "eval_runs"));
  EXPECT_EQ(Ok(As(kA).Get("m")), model);
  EXPECT_THAT(ReferencedBy(As(kA).Delete("base")), ElementsAre("training_jobs.base_model_id"));
}

TEST_P(ModelsTest, Cat010TablesAndOutputsOfOneVersionHoldEveryVersion) {
  const auto one = Ok(As(kA).Register(Params("m", 1)));
  const auto two = Ok(As(kA).Register(Params("m", 2)));
  const auto base = Ok(As(kA).Register(Params("base")));
  AddResultTable(kA, "table", two.uid);
  AddJob(kA, "job", base.uid, two.uid);
  EXPECT_THAT(ReferencedBy(As(kA).Delete("m", 1)),
              ElementsAre("result_tables", "training_jobs.output_model_id"));
  Sql("DELETE FROM result_tables");
  Sql("DELETE FROM training_jobs");
  // Base models and evaluations hold their version alone.
  AddJob(kA, "job", two.uid, std::nullopt);
  AddEvalRun(kA, "run", two.uid);
  EXPECT_THAT(ReferencedBy(As(kA).Delete("m", 2)), ElementsAre("training_jobs.base_model_id", "eval_runs"));
  Ok(As(kA).Delete("m", 1));
}

TEST_P(ModelsTest, Cat010TheOwnersModelIsNotHeldByAReferenceToTheGlobalOneOfItsName) {
  const auto global = Ok(As(kGlobal).Register(Params("m")));
  Ok(As(kA).Register(Params("m")));
  AddResultTable(kA, "table", global.uid);
  Ok(As(kA).Delete("m"));
}

TEST_P(ModelsTest, Cat011DescriptorsHoldFourFields) {
  auto params = Params("m");
  params.task = ModelTask::kClassification;
  Ok(As(kGlobal).Register(params));
  Ok(As(kGlobal).UpdateStatus("m", 1, ModelStatus::kLoaded));
  Ok(As(kA).Register(Params("n")));
  const auto [model_id, backend, task, status] = Ok(As(kB).ListDescriptors()).items.at(0);
  EXPECT_EQ(model_id, "m");
  EXPECT_EQ(backend, "candle");
  EXPECT_EQ(task, ModelTask::kClassification);
  EXPECT_EQ(status, ModelStatus::kLoaded);
  const auto first = Ok(As(kA).ListDescriptors(1));
  EXPECT_EQ(Ok(As(kA).ListDescriptors(1, first.next_page_token)).items.at(0).model_id, "n");
}

TEST(ModelTask, TextsAreExactAndUnknownOnesAreRefused) {
  const std::vector<std::string> texts = {
      "text_embedding", "image_embedding", "audio_embedding", "classification", "ner", "regression"};
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(ToString(static_cast<ModelTask>(i)), texts[i]);
    EXPECT_EQ(Ok(ParseModelTask(texts[i])), static_cast<ModelTask>(i));
    EXPECT_EQ(IsEmbeddingTask(static_cast<ModelTask>(i)), i < 3);
  }
  for (const auto* text : {"", "NER", "ner ", "juggling"}) {
    const auto unknown = ParseModelTask(text);
    EXPECT_EQ(CodeOf(unknown), ErrorCode::kInvalidArgument);
    EXPECT_EQ(
        unknown.error().message(),
        std::string("Unknown model task '") + text +
            "'. Expected: text_embedding, image_embedding, audio_embedding, classification, ner, regression");
  }
}

TEST(ModelStatus, TextsAreExactAndUnknownOnesAreRefused) {
  for (const auto& [status, text] :
       {std::pair(ModelStatus::kRegistered, "registered"), std::pair(ModelStatus::kLoaded, "loaded"),
        std::pair(ModelStatus::kFailed, "failed")}) {
    EXPECT_EQ(ToString(status), text);
    EXPECT_EQ(Ok(ParseModelStatus(text)), status);
  }
  EXPECT_EQ(ParseModelStatus("available").error().message(), "Unknown model status: 'available'");
}

// --- The reference's cases.

TEST_P(ModelsTest, Case17RegisterThenDelete) {
  Ok(As(kGlobal).Register(Params("m")));
  Ok(As(kGlobal).Delete("m"));
  EXPECT_TRUE(IsModelNotFound(As(kGlobal).Get("m"), "m"));
}

TEST_P(ModelsTest, Case18AResultTableHoldsItsModel) {
  const auto model = Ok(As(kGlobal).Register(Params("m")));
  AddResultTable(kGlobal, "table", model.uid);
  EXPECT_THAT(ReferencedBy(As(kGlobal).Delete("m")), ElementsAre("result_tables"));
  EXPECT_EQ(Ok(As(kGlobal).Get("m")), model);
}

TEST_P(ModelsTest, Case19AJobHoldsItsOutput) {
  const auto base = Ok(As(kGlobal).Register(Params("base")));
  const auto model = Ok(As(kGlobal).Register(Params("m")));
  AddJob(kGlobal, "job", base.uid, model.uid);
  EXPECT_THAT(ReferencedBy(As(kGlobal).Delete("m")), ElementsAre("training_jobs.output_model_id"));
}

TEST_P(ModelsTest, Case20AJobHoldsItsBase) {
  const auto model = Ok(As(kGlobal).Register(Params("m")));
  AddJob(kGlobal, "job", model.uid, std::nullopt);
  EXPECT_THAT(ReferencedBy(As(kGlobal).Delete("m")), ElementsAre("training_jobs.base_model_id"));
}

TEST_P(ModelsTest, Case21AnEvaluationHoldsItsModel) {
  const auto model = Ok(As(kGlobal).Register(Params("m")));
  AddEvalRun(kGlobal, "run", model.uid);
  EXPECT_THAT(ReferencedBy(As(kGlobal).Delete("m")), ElementsAre("eval_runs"));
}

TEST_P(ModelsTest, Case22OnlyTheReferencedOneOfManyIsHeld) {
  const auto base = Ok(As(kGlobal).Register(Params("base")));
  const auto free = Ok(As(kGlobal).Register(Params("free")));
  const auto target = Ok(As(kGlobal).Register(Params("target")));
  for (int i = 0; i < 1000; ++i) {
    const auto other = Ok(As(kGlobal).Register(Params(fmt::format("other{}", i))));
    AddResultTable(kGlobal, fmt::format("table{}", i), other.uid);
    AddJob(kGlobal, fmt::format("job{}", i), base.uid, other.uid);
  }
  AddResultTable(kGlobal, "of the target", target.uid);
  EXPECT_THAT(ReferencedBy(As(kGlobal).Delete("target")), ElementsAre("result_tables"));
  Ok(As(kGlobal).Delete("free"));
}

TEST_P(ModelsTest, Case23AnotherTenantsModelIsNotFound) {
  const auto model = Ok(As(kA).Register(Params("m")));
  EXPECT_TRUE(IsModelNotFound(As(kB).Delete("m"), "m"));
  EXPECT_EQ(Ok(As(kA).Get("m")), model);
  Ok(As(kB).Delete("absent", std::nullopt, Models::OnMissing::kIgnore));
  EXPECT_TRUE(IsModelNotFound(As(kB).Delete("absent"), "absent"));
}

TEST_P(ModelsTest, Case24TwoTenantsRegisterOneName) {
  auto params = Params("m");
  params.backend = "vllm";
  Ok(As(kA).Upsert(params));
  params.backend = "http";
  Ok(As(kB).Upsert(params));
  EXPECT_EQ(Ok(As(kA).Get("m")).backend, "vllm");
  EXPECT_EQ(Ok(As(kB).Get("m")).backend, "http");
}

// The refusals of TEN-001 are base_test's; what is stored is the one form.
TEST_P(ModelsTest, Case48TheOwnerIsStoredInLowerCase) {
  const auto shouting = Tenant("AAAAAAAA-0000-4000-8000-000000000001");
  EXPECT_EQ(shouting, kA);
  Ok(As(shouting).Register(Params("m")));
  EXPECT_EQ(Ok(As(kA).Get("m")).owner.Key(), "aaaaaaaa-0000-4000-8000-000000000001");
  EXPECT_THAT(SqlTexts("SELECT scope FROM models", "scope"),
              ElementsAre("aaaaaaaa-0000-4000-8000-000000000001"));
}

// --- Tenancy, verb by verb.

struct Verb {
  std::string name;
  std::function<Result<void>(Models)> run;
};

template <class T>
Result<void> Drop(const Result<T>& result) {
  if (!result) return result.error();
  return {};
}

// On model "m", version 1.
const std::vector<Verb> kReads = {
    {"Get", [](Models models) { return Drop(models.Get("m")); }},
    {"GetVersion", [](Models models) { return Drop(models.GetVersion("m", 1)); }},
    {"LatestVersion", [](Models models) { return Drop(models.LatestVersion("m")); }},
};
const std::vector<Verb> kChanges = {
    {"UpdateStatus", [](Models models) { return Drop(models.UpdateStatus("m", 1, ModelStatus::kLoaded)); }},
    {"SetArtifactPath", [](Models models) { return Drop(models.SetArtifactPath("m", 1, "/changed")); }},
    {"ClearArtifactPath", [](Models models) { return Drop(models.SetArtifactPath("m", 1, std::nullopt)); }},
    {"CompareAndSetArtifactPath",
     [](Models models) { return Drop(models.SetArtifactPath("m", 1, "/changed", 1)); }},
    {"Delete", [](Models models) { return models.Delete("m"); }},
    {"DeleteVersion", [](Models models) { return models.Delete("m", 1); }},
};
const std::vector<Verb> kAdditions = {
    {"Register", [](Models models) { return Drop(models.Register(Params("m", 1))); }},
    {"Upsert", [](Models models) { return Drop(models.Upsert(Params("m", 1))); }},
    {"RegisterNext", [](Models models) { return Drop(models.RegisterNext(Params("m"))); }},
};

class ModelsTenancyTest : public ModelsTest {
 protected:
  ModelRecord Seed(const Scope& owner) {
    Sql("DELETE FROM models");
    auto params = Params("m", 1);
    params.backend = "of the owner";
    params.artifact_path = "/of the owner";
    return Ok(As(owner).Register(params));
  }
  const std::vector<Scope> callers_ = {kA, kB, kOutsider, kGlobal};
  const std::vector<Scope> owners_ = {kA, kB, kGlobal};
};

JAMMI_ON_EVERY_DATABASE(ModelsTenancyTest);

TEST_P(ModelsTenancyTest, Ten020EveryReadSeesOwnAndGlobal) {
  for (const auto& owner : owners_) {
    const auto target = Seed(owner);
    for (const auto& caller : callers_) {
      SCOPED_TRACE("owner '" + owner.Key() + "', caller '" + caller.Key() + "'");
      const bool sees = owner.is_global() || owner == caller;
      for (const auto& verb : kReads) {
        const auto result = verb.run(As(caller));
        EXPECT_EQ(result.has_value(), sees) << verb.name;
        EXPECT_EQ(IsModelNotFound(result, "m"), !sees) << verb.name;
      }
      EXPECT_EQ(Ok(As(caller).List()).items.size(), sees ? 1U : 0U);
      EXPECT_EQ(Ok(As(caller).ListDescriptors()).items.size(), sees ? 1U : 0U);
    }
  }
}

TEST_P(ModelsTenancyTest, Ten021EveryChangeReachesOwnOnly) {
  for (const auto& owner : owners_) {
    for (const auto& caller : callers_) {
      for (const auto& verb : kChanges) {
        SCOPED_TRACE(verb.name + ", owner '" + owner.Key() + "', caller '" + caller.Key() + "'");
        const auto target = Seed(owner);
        const auto result = verb.run(As(caller));
        if (caller == owner) {
          EXPECT_TRUE(result);
          const auto after = As(owner).Get("m");
          EXPECT_TRUE(!after || *after != target);
        } else {
          EXPECT_TRUE(IsModelNotFound(result, "m"));
          EXPECT_EQ(Ok(As(owner).Get("m")), target);
        }
      }
    }
  }
}

TEST_P(ModelsTenancyTest, Ten023AnAdditionBesideAnotherOwnersModelLeavesIt) {
  for (const auto& owner : owners_) {
    for (const auto& caller : callers_) {
      if (caller == owner) continue;
      for (const auto& verb : kAdditions) {
        SCOPED_TRACE(verb.name + ", owner '" + owner.Key() + "', caller '" + caller.Key() + "'");
        const auto target = Seed(owner);
        EXPECT_TRUE(verb.run(As(caller)));
        const auto added = Ok(As(caller).Get("m"));
        EXPECT_EQ(added.owner, caller);
        EXPECT_EQ(added.version, 1);
        EXPECT_EQ(added.artifact_path, std::nullopt);
        EXPECT_EQ(Ok(As(owner).Get("m")), target);
      }
    }
  }
}

// A global model that a tenant's job uses: the deletion used to count nothing and hit the foreign key.
TEST_P(ModelsTest, Wk12AGlobalModelIsHeldByReferencesOfEveryTenant) {
  const auto model = Ok(As(kGlobal).Register(Params("m")));
  const auto base = Ok(As(kGlobal).Register(Params("base")));
  AddResultTable(kA, "table", model.uid);
  EXPECT_THAT(ReferencedBy(As(kGlobal).Delete("m")), ElementsAre("result_tables"));
  AddJob(kB, "job", base.uid, model.uid);
  AddJob(kB, "other job", model.uid, std::nullopt);
  AddEvalRun(kOutsider, "run", model.uid);
  const auto refused = As(kGlobal).Delete("m");
  EXPECT_EQ(ReferencedBy(refused).size(), 4U);
  EXPECT_THAT(refused.error().message(), testing::Not(HasSubstr(kA.Key())));  // what, not whose
}

// --- Status and artifact path.

TEST_P(ModelsTest, UpdateStatusAllowsAllButLoadingAFailedVersion) {
  const std::vector<ModelStatus> all = {ModelStatus::kRegistered, ModelStatus::kLoaded, ModelStatus::kFailed};
  Ok(As(kA).Register(Params("m")));
  for (const auto from : all) {
    for (const auto to : all) {
      SCOPED_TRACE(std::string(ToString(from)) + " to " + std::string(ToString(to)));
      Sql("UPDATE models SET status = $1", {ToString(from)});
      const auto before = Ok(As(kA).Get("m"));
      MoveClock(std::chrono::microseconds(1));
      const auto since = Now();
      const auto after = As(kA).UpdateStatus("m", 1, to);
      if (from == ModelStatus::kFailed && to == ModelStatus::kLoaded) {
        EXPECT_EQ(CodeOf(after), ErrorCode::kFailedPrecondition);
        EXPECT_EQ(Ok(As(kA).Get("m")), before);
        continue;
      }
      auto expected = before;
      if (from == to) {
        EXPECT_EQ(Ok(after), before);
      } else {
        expected.status = to;
        expected.revision += 1;
        ExpectChanged(Ok(after), expected, since);
      }
      EXPECT_EQ(Ok(As(kA).Get("m")), Ok(after));
    }
  }
  EXPECT_TRUE(IsModelNotFound(As(kA).UpdateStatus("m", 2, ModelStatus::kLoaded), "m"));
}

TEST_P(ModelsTest, SetArtifactPathSetsAndClearsAndComparesTheRevision) {
  const auto first = Ok(As(kA).Register(Params("m")));
  MoveClock(std::chrono::microseconds(5));
  const auto since = Now();
  auto expected = first;
  expected.artifact_path = "/one";
  expected.revision = 2;
  const auto set = Ok(As(kA).SetArtifactPath("m", 1, "/one", 1));
  ExpectChanged(set, expected, since);

  const auto stale = As(kA).SetArtifactPath("m", 1, "/two", 1);
  EXPECT_EQ(CodeOf(stale), ErrorCode::kFailedPrecondition);
  EXPECT_EQ(stale.error().message(), "model m version 1 is at revision 2, not 1");
  EXPECT_EQ(Ok(As(kA).Get("m")), set);

  EXPECT_EQ(Ok(As(kA).SetArtifactPath("m", 1, std::nullopt, 2)).artifact_path, std::nullopt);
  EXPECT_EQ(Ok(As(kA).SetArtifactPath("m", 1, "/three")).revision, 4);
  EXPECT_TRUE(IsModelNotFound(As(kA).SetArtifactPath("m", 2, "/one"), "m"));
}

// --- Bad input.

TEST_P(ModelsTest, BadArgumentsAreRefusedByNameAndChangeNothing) {
  const std::string nul("a\0b", 3);
  const auto with = [](std::function<void(RegisterModelParams&)> change) {
    auto params = Params("m");
    change(params);
    return params;
  };
  const std::vector<std::pair<std::string, RegisterModelParams>> bad = {
      {"model_id must be 1 to 512 bytes long, not 0", with([](auto& p) { p.model_id = ""; })},
      {"model_id must be 1 to 512 bytes long, not 513",
       with([](auto& p) { p.model_id = std::string(513, 'x'); })},
      {"model_id must not hold U+0000", with([&](auto& p) { p.model_id = nul; })},
      {"model_id is not valid UTF-8", with([](auto& p) { p.model_id = "\xff"; })},
      {"version must be 1 or more, not 0", with([](auto& p) { p.version = 0; })},
      {"version must be 1 or more, not -2147483648", with([](auto& p) { p.version = INT32_MIN; })},
      {"model_type must be 1 to 128 bytes long, not 0", with([](auto& p) { p.model_type = ""; })},
      {"model_type must not hold U+0000", with([&](auto& p) { p.model_type = nul; })},
      {"backend must be 0 to 128 bytes long, not 129",
       with([](auto& p) { p.backend = std::string(129, 'x'); })},
      {"task is none", with([](auto& p) { p.task = static_cast<ModelTask>(6); })},
      {"base_model_id must be 1 to 512 bytes long, not 0", with([](auto& p) { p.base_model_id = ""; })},
      {"artifact_path must be 1 to 4096 bytes long, not 0", with([](auto& p) { p.artifact_path = ""; })},
      {"artifact_path is not valid UTF-8", with([](auto& p) { p.artifact_path = "\xc3("; })},
      {"config_json is not JSON", with([](auto& p) { p.config_json = "{'a': 1}"; })},
      {"config_json is not JSON", with([](auto& p) { p.config_json = std::string(100'000, '['); })},
      {"config_json must be 1 to 262144 bytes long, not 0", with([](auto& p) { p.config_json = ""; })},
      {"config_json must be 1 to 262144 bytes long, not 262145",
       with([](auto& p) { p.config_json = "\"" + std::string(262'143, 'x') + "\""; })},
  };
  for (const auto& [message, params] : bad) {
    for (const auto& refused :
         {As(kA).Register(params), As(kA).RegisterNext(params), As(kA).Upsert(params)}) {
      EXPECT_EQ(CodeOf(refused), ErrorCode::kInvalidArgument) << message;
      EXPECT_THAT(refused ? "accepted" : refused.error().message(), HasSubstr(message));
    }
  }
  EXPECT_THAT(As(kA).RegisterNext(Params("m", 1)).error().message(), HasSubstr("version must be absent"));
  EXPECT_THAT(ListAll(kA, 10), IsEmpty());
}

TEST_P(ModelsTest, TheLargestArgumentsAreAccepted) {
  const RegisterModelParams params = {.model_id = std::string(512, 'x'),
                                      .version = INT32_MAX,
                                      .model_type = std::string(128, 'x'),
                                      .backend = "",
                                      .base_model_id = "\U0001F600",
                                      .artifact_path = std::string(4096, 'x'),
                                      .config_json = "\"" + std::string(262'142, 'x') + "\""};
  const auto stored = Ok(As(kA).Register(params));
  EXPECT_EQ(stored.config_json, params.config_json);
  EXPECT_EQ(Ok(As(kA).Get(params.model_id)), stored);
  EXPECT_EQ(ListAll(kA, 1).size(), 1U);
}

TEST_P(ModelsTest, BadKeysAreRefusedByEveryVerb) {
  Ok(As(kA).Register(Params("m")));
  for (const auto& name :
       {std::string(), std::string(513, 'x'), std::string("m\0", 2), std::string("\x80")}) {
    EXPECT_EQ(CodeOf(As(kA).Get(name)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).GetVersion(name, 1)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).LatestVersion(name)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).UpdateStatus(name, 1, ModelStatus::kLoaded)), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).SetArtifactPath(name, 1, "/x")), ErrorCode::kInvalidArgument);
    EXPECT_EQ(CodeOf(As(kA).Delete(name, std::nullopt, Models::OnMissing::kIgnore)),
              ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(CodeOf(As(kA).GetVersion("m", 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).UpdateStatus("m", -1, ModelStatus::kLoaded)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).UpdateStatus("m", 1, static_cast<ModelStatus>(3))), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).SetArtifactPath("m", 0, "/x")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).SetArtifactPath("m", 1, "")), ErrorCode::kInvalidArgument);
  EXPECT_EQ(CodeOf(As(kA).Delete("m", 0)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(Ok(As(kA).Get("m")).revision, 1);
}

TEST_P(ModelsTest, NamesAreDataInSql) {
  const std::string name = "'; DROP TABLE models; -- %_\"\\";
  Ok(As(kA).Register(Params(name)));
  Ok(As(kA).Register(Params("x")));
  EXPECT_EQ(Ok(As(kA).Get(name)).model_id, name);
  EXPECT_EQ(Ok(As(kA).List(1)).next_page_token.empty(), false);
  Ok(As(kA).Delete(name));
  EXPECT_EQ(ListAll(kA, 10).size(), 1U);
}

// --- The schema and the plans.

TEST_P(ModelsTest, Wk35TheDatabaseKnowsTheSameTextsAsWe) {
  Ok(As(kA).Register(Params("m")));
  for (int task = 0; task < 6; ++task)
    Sql("UPDATE models SET task = $1", {ToString(static_cast<ModelTask>(task))});
  for (int status = 0; status < 3; ++status) {
    Sql("UPDATE models SET status = $1", {ToString(static_cast<ModelStatus>(status))});
  }
  for (const std::string change :
       {"task = 'juggling'", "status = 'available'", "version = 0", "revision = 0"}) {
    const auto refused =
        backend().Transact({}, [&](Transaction& tx) { return tx.Execute("UPDATE models SET " + change); });
    ASSERT_FALSE(refused) << change;
    EXPECT_EQ(refused.error().As<BackendDetail>()->fault, BackendFault::kCheck) << change;
  }
}

// A table with a foreign key to models that the registry does not look at would refuse a deletion with
// the database's words instead of ours.
TEST_P(ModelsTest, Cat009EveryForeignKeyToModelsIsAnEdge) {
  std::vector<std::string> edges;
  for (const auto& edge : ModelEdges())
    edges.push_back(std::string(edge.table) + "." + std::string(edge.column));
  const auto keys = SqlTexts(
      backend().kind() == BackendKind::kSqlite
          ? "SELECT DISTINCT m.name || '.' || f.\"from\" AS edge FROM sqlite_master AS m "
            "JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' AND f.\"table\" = 'models'"
          : "SELECT CAST(k.conrelid::regclass AS TEXT) || '.' || a.attname AS edge FROM pg_constraint AS k "
            "JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] "
            "WHERE k.contype = 'f' AND k.confrelid = 'models'::regclass",
      "edge");
  EXPECT_EQ(std::set(keys.begin(), keys.end()), std::set(edges.begin(), edges.end()));
}

// Work grows with what is asked, not with what is stored.
TEST_P(ModelsTest, Wk25NoStatementScansOrSortsAmong100000Models) {
  Sql("INSERT INTO models (scope, name, version, model_uid, model_type, task, backend, status, revision, "
      "created_at, "
      "updated_at) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
      "SELECT CASE WHEN i % 3 = 0 THEN '' ELSE $1 END, 'm' || (i / 9), i % 9 + 1, 'uid' || i, 'embedding', "
      "'ner', "
      "'candle', 'registered', 1, i, i FROM n",
      {kA.Key()});
  Sql("INSERT INTO result_tables (scope, table_name, kind, source_id, model_uid, task, parquet_path, status, "
      "lease_epoch, created_at, completed_at) SELECT scope, model_uid, 'model', 's', model_uid, 'ner', 'p', "
      "'failed', 1, 0, 0 FROM models WHERE version = 1");
  Sql("INSERT INTO training_jobs (sequence, scope, job_id, kind, base_model_uid, output_model_id, "
      "output_model_uid, training_source, loss_type, hyperparams, created_at, updated_at) "
      "SELECT created_at, scope, model_uid, 'fine_tune', model_uid, 'out', model_uid, 's', 'mse', '{}', 0, 0 "
      "FROM models WHERE version = 2");
  Sql("INSERT INTO eval_runs (scope, run_id, model_uid, eval_type, source_id, metrics, created_at) "
      "SELECT scope, model_uid, model_uid, 'embedding', 's', '{}', 0 FROM models WHERE version = 3");
  if (backend().kind() == BackendKind::kPostgres) Sql("ANALYZE");
  ExpectNoScanOrSort(backend(), ModelStatements(), [](const std::string& step) {
    return step == "SCAN clock";  // the one row that holds the time
  });
  EXPECT_EQ(Ok(As(kA).LatestVersion("m11000")), 9);
  EXPECT_EQ(Ok(As(kA).List(10)).items.size(), 10U);
}

}  // namespace
}  // namespace jammi::test
