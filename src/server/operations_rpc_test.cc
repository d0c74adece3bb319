// jammi.ext.v1.OperationsService over a socket.
#include <gmock/gmock.h>

#include <arrow/array/builder_binary.h>
#include <arrow/record_batch.h>
#include <arrow/type.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "base/sync_point.h"
#include "jammi/catalog_admin.h"
#include "jammi/engine.h"
#include "jammi/ext/v1/operations.pb.h"
#include "rpc/rpc_fixture.h"
#include "server/services.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

namespace ext_wire = ::jammi::ext::v1;
using testing::HasSubstr;

constexpr auto kBackup = "/jammi.ext.v1.OperationsService/Backup";

class BackupRpcTest : public testing::Test {
 protected:
  BackupRpcTest() {
    config_.artifact_dir = folder_.path();
    config_.server.backup_path = folder_ / "backups";
    std::filesystem::create_directory(*config_.server.backup_path);
  }
  ~BackupRpcTest() override { server_.reset(); }

  void Start() {
    auto engine = Engine::Open(config_);
    ASSERT_TRUE(engine) << engine.error().ToString();
    engine_ = std::move(*engine);
    context_ = std::make_unique<ServerContext>(ServerContext{.engine = *engine_, .config = served_});
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(NewOperationsService(*context_));
    server_ = std::make_unique<TestRpcServer>(std::move(services));
  }
  Answer Backup(const std::string& name, const CallOptions& options = {}) {
    ext_wire::BackupRequest request;
    request.set_name(name);
    return server_->Call(kBackup, request, options);
  }

  TempDir folder_{TempDir::On::kMemory};
  Config config_;
  Config served_;  // what the service is told
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ServerContext> context_;
  std::unique_ptr<TestRpcServer> server_;
};

TEST_F(BackupRpcTest, ABackupIsACatalogInTheServersFolder) {
  served_ = config_;
  Start();
  const auto answer = Backup("monday.db");
  ASSERT_EQ(answer.code, RpcCode::kOk) << answer.message;
  ext_wire::BackupResponse reply;
  ASSERT_TRUE(reply.ParseFromString(answer.bytes));
  EXPECT_EQ(reply.path(), (*config_.server.backup_path / "monday.db").string());
  EXPECT_EQ(reply.bytes(), std::filesystem::file_size(reply.path()));
  const auto status = ReadCatalogStatus({.kind = BackendKind::kSqlite, .path = reply.path(), .url = {}});
  ASSERT_TRUE(status) << status.error().ToString();
  EXPECT_EQ(status->mark, CatalogMark::kBackup);
  EXPECT_EQ(status->mark_note, reply.incarnation());

  EXPECT_EQ(Backup("monday.db").code, RpcCode::kAlreadyExists) << "nothing is written over";
}

TEST_F(BackupRpcTest, ANameIsANameAndNoPath) {
  served_ = config_;
  Start();
  for (const std::string name :
       {"", ".", "..", "../x", "/etc/x", "a/b", "a\\b", ".hidden", "x.partial", "a b", "\xc3\xa4"}) {
    const auto answer = Backup(name);
    EXPECT_EQ(answer.code, RpcCode::kInvalidArgument) << name;
    EXPECT_EQ(answer.details, "");
  }
  EXPECT_EQ(Backup(std::string("a\0b", 3)).code, RpcCode::kInvalidArgument);
  EXPECT_EQ(Backup(std::string(201, 'a')).code, RpcCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_empty(*config_.server.backup_path));
}

// Held after the first step of the copy until the server has stopped the call: there is no second one.
TEST_F(BackupRpcTest, Srv010TheDrainsLimitStopsABackup) {
  served_ = config_;
  Start();
  auto topics = engine_->Global().topics();
  const auto schema = arrow::schema({arrow::field("text", arrow::utf8())});
  const auto topic = topics.Register("large", schema);
  ASSERT_TRUE(topic) << topic.error().ToString();
  arrow::StringBuilder text;
  ASSERT_TRUE(text.Append(std::string(1 << 20, 'x')).ok());
  const auto batch = arrow::RecordBatch::Make(schema, 1, {*text.Finish()});
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(engine_->Global().Publish(topic->id, batch));

  int steps = 0;
  std::promise<void> entered;
  std::promise<void> stopped;
  SetSyncPoint("catalog:backup_step", [&] {
    if (++steps > 1) return;
    entered.set_value();
    stopped.get_future().wait_for(std::chrono::seconds(20));
  });
  SetSyncPoint("rpc:stopped", [&] { stopped.set_value(); });
  ext_wire::BackupRequest request;
  request.set_name("monday.db");
  auto call = server_->channel().Stream(kBackup, request.SerializeAsString());
  entered.get_future().wait();
  server_->Shutdown(Deadline::Now());
  EXPECT_EQ(call.Finish().code, RpcCode::kUnavailable);
  EXPECT_THAT(server_->observer().codes(), testing::ElementsAre(testing::Pair(RpcCode::kUnavailable, 1)));
  EXPECT_EQ(steps, 1);
  EXPECT_TRUE(std::filesystem::is_empty(*config_.server.backup_path));
  ClearSyncPoints();
}

TEST_F(BackupRpcTest, OnlyAdministratorsBackUp) {
  served_ = config_;
  Start();
  for (const auto* role : {"Bearer reader", "Bearer writer"}) {
    EXPECT_EQ(Backup("x", {.headers = {{"authorization", role}}}).code, RpcCode::kPermissionDenied);
  }
  EXPECT_EQ(Backup("x", {.headers = {{"authorization", "Bearer admin"}}}).code, RpcCode::kOk);
}

TEST_F(BackupRpcTest, WithoutAPlaceThereIsNone) {
  served_ = config_;
  served_.server.backup_path.reset();
  Start();
  const auto answer = Backup("x");
  EXPECT_EQ(answer.code, RpcCode::kFailedPrecondition);
  EXPECT_THAT(answer.message, HasSubstr("server.backup_path"));
}

TEST_F(BackupRpcTest, AFolderThatIsGoneIsNamed) {
  served_ = config_;
  Start();
  std::filesystem::remove(*config_.server.backup_path);
  const auto answer = Backup("x");
  EXPECT_NE(answer.code, RpcCode::kOk);
  EXPECT_NE(answer.code, RpcCode::kInternal) << answer.message;
  EXPECT_THAT(answer.message, HasSubstr(config_.server.backup_path->string()));
}

TEST_F(BackupRpcTest, PostgreSqlIsBackedUpByItsOwnMeans) {
  served_ = config_;
  served_.catalog = PostgresCatalogConfig{.url = Secret("postgres://u:hush@127.0.0.1:1/x"), .pool_size = 1};
  Start();
  const auto answer = Backup("x");
  EXPECT_EQ(answer.code, RpcCode::kUnimplemented);
  EXPECT_THAT(answer.message, HasSubstr("pg_dump"));
  EXPECT_THAT(answer.message, testing::Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace jammi::test
