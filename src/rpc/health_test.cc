// grpc.health.v1 (wire.md 13).
#include "rpc/health.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "jammi/v1/audit.pb.h"
#include "jammi/v1/catalog.pb.h"
#include "jammi/v1/trigger.pb.h"
#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using v1::trigger::SubscribedBatch;
using v1::trigger::SubscribeRequest;

constexpr auto kSubscribed = "/jammi.v1.trigger.TriggerService/Subscribe";
constexpr auto kCheck = "/grpc.health.v1.Health/Check";
constexpr auto kWatch = "/grpc.health.v1.Health/Watch";

std::string About(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request.SerializeAsString();
}
HealthCheckResponse::ServingStatus Status(const std::string& bytes) {
  HealthCheckResponse response;
  EXPECT_TRUE(response.ParseFromString(bytes));
  return response.status();
}

// Its streams say nothing.
class Silent final : public RpcService {
 public:
  Silent() : RpcService((SubscribeRequest::descriptor(), "jammi.v1.trigger.TriggerService")) {
    ServerStream<SubscribeRequest, SubscribedBatch>(
        "Subscribe", {}, [](const auto&, const auto&) -> Result<std::unique_ptr<RpcStream>> {
          return std::make_unique<Stream>();
        });
  }

 private:
  class Stream final : public RpcStream {
    Result<Polled> TryNext() override { return Polled(NotReady()); }
    void OnReady(std::move_only_function<void()>) override {}
    void Close() override {}
  };
};

// Serves one method.
class OneMethod final : public RpcService {
 public:
  OneMethod() : RpcService((v1::catalog::Tenant::descriptor(), "jammi.v1.catalog.CatalogService")) {
    Unary<google::protobuf::Empty, v1::catalog::ServerInfo>(
        "GetServerInfo", {}, [](const auto&, const auto&) { return v1::catalog::ServerInfo(); });
  }
};

class HealthTest : public testing::Test {
 protected:
  HealthTest() {
    (void)v1::audit::VerifyRequest::descriptor();
    Start({});
  }
  void Start(const TestServerOptions& options) {
    server_.reset();
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(std::make_unique<OneMethod>());
    services.push_back(std::make_unique<RpcService>("jammi.v1.audit.AuditService"));  // not served
    services.push_back(std::make_unique<Silent>());
    server_ = std::make_unique<TestRpcServer>(std::move(services), options);
  }
  std::vector<std::string> names_ = {"", "jammi.v1.catalog.CatalogService",
                                     "jammi.v1.trigger.TriggerService"};
  std::unique_ptr<TestRpcServer> server_;
};

TEST_F(HealthTest, TheServerAndEachServiceServe) {
  for (const auto& name : names_) {
    const auto answer = server_->Call(kCheck, About(name));
    EXPECT_EQ(answer.code, RpcCode::kOk) << name;
    EXPECT_EQ(Status(answer.bytes), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(server_->Call(kCheck, About("jammi.v1.eval.EvalService")).code, RpcCode::kNotFound);
  EXPECT_EQ(server_->Call(kCheck, About("jammi.v1.audit.AuditService")).code, RpcCode::kNotFound)
      << "each of its methods answers UNIMPLEMENTED";
}

TEST_F(HealthTest, WhoWatchesWhatIsNotThereIsToldSoAndWaits) {
  auto watch = server_->channel().Stream(kWatch, About("no.such.Service"));
  EXPECT_EQ(Status(watch.Read().value_or("\xff")), HealthCheckResponse::SERVICE_UNKNOWN);
  EXPECT_EQ(server_->dispatcher().open_streams(), 1U) << "it may come with another version";
}

// SRV-010: who watches is told before the connection goes. gRPC's own service keeps the watch open, and with
// it the drain until its limit.
TEST_F(HealthTest, Srv010InADrainNobodyServesAndWatchesEnd) {
  std::vector<StreamReader> watches;
  for (const auto& name : names_) {
    watches.push_back(server_->channel().Stream(kWatch, About(name)));
    EXPECT_EQ(Status(watches.back().Read().value_or("\xff")), HealthCheckResponse::SERVING) << name;
  }
  auto unknown = server_->channel().Stream(kWatch, About("no.such.Service"));
  ASSERT_NE(unknown.Read(), std::nullopt);
  std::thread drain([&] { server_->server().Shutdown(Deadline::Never()); });
  for (auto& watch : watches) {
    EXPECT_EQ(Status(watch.Read().value_or("\xff")), HealthCheckResponse::NOT_SERVING);
    EXPECT_EQ(watch.Read(), std::nullopt);
    const auto answer = watch.Finish();
    EXPECT_EQ(answer.code, RpcCode::kUnavailable);
    EXPECT_EQ(answer.message, "the server is shutting down");
  }
  EXPECT_EQ(unknown.Finish().code, RpcCode::kUnavailable);
  drain.join();
}

// In a drain a check may still come on a connection that is there.
TEST_F(HealthTest, Srv010InADrainACheckIsToldToo) {
  HealthService service({});
  const auto check = [&] {
    HealthCheckResponse::ServingStatus status = HealthCheckResponse::UNKNOWN;
    service.methods().front().unary(RpcCall(), HealthCheckRequest(), [&](Result<grpc::ByteBuffer> answer) {
      grpc::Slice bytes;
      ASSERT_TRUE(answer && answer->DumpToSingleSlice(&bytes).ok());
      status = Status(std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size()));
    });
    return status;
  };
  EXPECT_EQ(check(), HealthCheckResponse::SERVING);
  service.Drain();
  EXPECT_EQ(check(), HealthCheckResponse::NOT_SERVING);
}

// Health and reflection are asked without a credential: they have places of their own.
TEST_F(HealthTest, WatchesTakeNoPlacesFromOtherStreams) {
  Start({.dispatcher = {.max_streams = 1, .max_open_to_all = 2}});
  std::vector<StreamReader> watches;
  for (int i = 0; i < 2; ++i) {
    watches.push_back(server_->channel().Stream(kWatch, ""));
    ASSERT_NE(watches.back().Read(), std::nullopt);
  }
  const auto refused = server_->channel().Stream(kWatch, "").Finish();
  EXPECT_EQ(refused.code, RpcCode::kResourceExhausted);
  EXPECT_EQ(refused.message, "2 streams are open, and no more may be; try again later");
  auto subscription = server_->channel().Stream(kSubscribed, "");
  subscription.AwaitHeaders();
  EXPECT_EQ(server_->dispatcher().open_streams(), 3U);
  watches.pop_back();
  ASSERT_TRUE(Eventually([&] { return server_->dispatcher().open_streams() == 2; }));
  auto another = server_->channel().Stream(kWatch, "");
  EXPECT_NE(another.Read(), std::nullopt);
}

// A probe that waits behind the calls whose server it asks about is of no use.
TEST_F(HealthTest, ItAnswersWhileEveryThreadIsTaken) {
  Start({.threads = 1, .max_waiting = 1});
  std::promise<void> let_go;
  (void)server_->executor().Submit(1, [held = let_go.get_future().share()] { held.wait(); });
  ASSERT_TRUE(Eventually([&] { return server_->executor().waiting() == 0; }));
  (void)server_->executor().Submit(1, [] {});
  EXPECT_EQ(Status(server_->Call(kCheck, "").bytes), HealthCheckResponse::SERVING);
  EXPECT_EQ(Status(server_->channel().Stream(kWatch, "").Read().value_or("\xff")),
            HealthCheckResponse::SERVING);
  let_go.set_value();
}

}  // namespace
}  // namespace jammi::test
