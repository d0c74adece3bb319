// CatalogService: models.
#include "server/catalog_fixture.h"

namespace jammi::test {
namespace {

class CatalogModelsTest : public CatalogTest {
 protected:
  static ModelRecord Register(const Session& session, const std::string& id,
                              ModelTask task = ModelTask::kTextEmbedding) {
    return *session.models().RegisterNext(
        {.model_id = id, .model_type = "embedding", .backend = "http", .task = task});
  }
  static wire::DescribeModelRequest Named(const std::string& id) {
    wire::DescribeModelRequest request;
    request.set_model_id(id);
    return request;
  }
  static wire::DeleteModelRequest Deletion(const std::string& id, bool if_exists = false) {
    wire::DeleteModelRequest request;
    request.set_model_id(id);
    request.set_if_exists(if_exists);
    return request;
  }
  static std::vector<std::string> List(const Caller& caller) {
    std::vector<std::string> ids;
    const auto reply = caller.Ask<wire::ListModelsResponse>("ListModels", wire::ListModelsRequest());
    for (const auto& model : reply.models()) ids.push_back(model.model_id());
    return ids;
  }
};

TEST_F(CatalogModelsTest, Srv024Srv100OwnAndGlobalOnesAreListedAVersionEach) {
  Register(server_.engine().Global(), "everybody's");
  Register(server_.SessionOf(kA), "a's");
  Register(server_.SessionOf(kA), "a's");
  Register(server_.SessionOf(kB), "b's");
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("everybody's", "a's", "a's"));
  EXPECT_THAT(List(server_.As(kB)), ElementsAre("everybody's", "b's"));
  EXPECT_THAT(List(server_.As(3)), ElementsAre("everybody's"));
  EXPECT_THAT(List(server_.Unscoped()), ElementsAre("everybody's"));
}

// Python refuses tasks that it does not know.
TEST_F(CatalogModelsTest, Srv100EveryTaskHasItsNumber) {
  const ModelTask tasks[] = {ModelTask::kTextEmbedding,
                             ModelTask::kImageEmbedding,
                             ModelTask::kAudioEmbedding,
                             ModelTask::kClassification,
                             ModelTask::kNer,
                             ModelTask::kRegression};
  int number = 0;
  for (const auto task : tasks) {
    const auto id = "m" + std::to_string(++number);
    Register(server_.SessionOf(kA), id, task);
    const auto model = server_.As(kA).Ask<wire::Model>("DescribeModel", Named(id));
    EXPECT_EQ(static_cast<int>(model.task()), number);
    EXPECT_EQ(model.model_id(), id);
    EXPECT_EQ(model.backend(), "http");
    EXPECT_EQ(model.status(), "registered");
  }
}

TEST_F(CatalogModelsTest, W20AListIsWholeHoweverLong) {
  for (int i = 0; i < 1005; ++i) Register(server_.SessionOf(kA), "m");
  EXPECT_EQ(List(server_.As(kA)).size(), 1005U);
}

TEST_F(CatalogModelsTest, Srv026Srv100AbsentAndForeignAreTheSame) {
  Register(server_.SessionOf(kB), "b's");
  for (const char* id : {"b's", "nowhere"}) {
    const auto answer = server_.As(kA).Refused<wire::Model>("DescribeModel", Named(id));
    EXPECT_EQ(answer.code, RpcCode::kNotFound);
    EXPECT_EQ(answer.message, fmt::format("model '{}' not found", id));
    EXPECT_EQ(answer.details, "");
  }
  ExpectUnreadable(server_.As(kA).Refused<wire::Model>("DescribeModel", Named("")), "model_id is required");
  ExpectUnreadable(server_.As(kA).Refused<Empty>("DeleteModel", Deletion("")), "model_id is required");
}

TEST_F(CatalogModelsTest, Srv101DeletesTheGivenVersionOrTheNewest) {
  for (int i = 0; i < 3; ++i) Register(server_.SessionOf(kA), "m");
  auto first = Deletion("m");
  first.set_version(1);
  server_.As(kA).Ask<Empty>("DeleteModel", first);
  EXPECT_EQ(server_.As(kA).Refused<Empty>("DeleteModel", first).code, RpcCode::kNotFound);
  server_.As(kA).Ask<Empty>("DeleteModel", Deletion("m"));
  EXPECT_EQ(*server_.SessionOf(kA).models().LatestVersion("m"), 2);
}

TEST_F(CatalogModelsTest, Srv101Srv102NobodyElsesModelIsDeleted) {
  Register(server_.engine().Global(), "everybody's");
  Register(server_.SessionOf(kB), "b's");
  for (const char* id : {"everybody's", "b's", "nowhere"}) {
    const auto answer = server_.As(kA).Refused<Empty>("DeleteModel", Deletion(id));
    EXPECT_EQ(answer.code, RpcCode::kNotFound);
    EXPECT_EQ(answer.message, fmt::format("model {} not found", id));
    const auto detail = DetailOf<JammiErrorDetail>(answer);
    ASSERT_TRUE(detail);
    EXPECT_EQ(detail->not_found().model_id(), id);
  }
  server_.As(kA).Ask<Empty>("DeleteModel", Deletion("nowhere", true));
  EXPECT_EQ(List(server_.Unscoped()).size(), 1U);
  EXPECT_EQ(List(server_.As(kB)).size(), 2U);
}

TEST_F(CatalogModelsTest, Srv101AReferencedModelStays) {
  const auto session = server_.SessionOf(kA);
  const auto model = Register(session, "m");
  ASSERT_TRUE(session.result_tables().Create(
      {.table_name = "t", .source_id = "docs", .model_uid = model.uid, .parquet_path = "file:///t.parquet"},
      "builder", std::chrono::seconds(30)));
  const auto answer = server_.As(kA).Refused<Empty>("DeleteModel", Deletion("m"));
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_THAT(answer.message, HasSubstr("model m is still referenced by "));
  const auto detail = DetailOf<JammiErrorDetail>(answer);
  ASSERT_TRUE(detail);
  EXPECT_EQ(detail->model_referenced().model_id(), "m");
  EXPECT_EQ(detail->model_referenced().referenced_by_size(), 1);
  EXPECT_THAT(List(server_.As(kA)), ElementsAre("m"));
}

}  // namespace
}  // namespace jammi::test
