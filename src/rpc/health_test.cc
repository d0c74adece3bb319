// grpc.health.v1 (wire.md 13).
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "jammi/v1/audit.pb.h"
#include "jammi/v1/catalog.pb.h"
#include "rpc/rpc_fixture.h"

namespace jammi::test {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

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

class HealthTest : public testing::Test {
 protected:
  HealthTest() {
    (void)v1::catalog::Tenant::descriptor();
    (void)v1::audit::VerifyRequest::descriptor();
    std::vector<std::unique_ptr<RpcService>> services;
    services.push_back(std::make_unique<RpcService>("jammi.v1.catalog.CatalogService"));
    services.push_back(std::make_unique<RpcService>("jammi.v1.audit.AuditService"));
    server_ = std::make_unique<TestRpcServer>(std::move(services));
  }
  std::vector<std::string> names_ = {"", "jammi.v1.catalog.CatalogService", "jammi.v1.audit.AuditService"};
  std::unique_ptr<TestRpcServer> server_;
};

TEST_F(HealthTest, TheServerAndEachServiceServe) {
  for (const auto& name : names_) {
    const auto answer = server_->Call(kCheck, About(name));
    EXPECT_EQ(answer.code, RpcCode::kOk) << name;
    EXPECT_EQ(Status(answer.bytes), HealthCheckResponse::SERVING) << name;
  }
  EXPECT_EQ(server_->Call(kCheck, About("jammi.v1.eval.EvalService")).code, RpcCode::kNotFound);
}

// SRV-010: who watches is told before the connection goes.
TEST_F(HealthTest, Srv010InADrainNobodyServes) {
  std::vector<StreamReader> watches;
  for (const auto& name : names_) {
    watches.push_back(server_->channel().Stream(kWatch, About(name)));
    EXPECT_EQ(Status(watches.back().Read().value_or("\xff")), HealthCheckResponse::SERVING) << name;
  }
  std::thread drain([&] { server_->server().Shutdown(Deadline::After(std::chrono::seconds(20))); });
  for (auto& watch : watches) {
    EXPECT_EQ(Status(watch.Read().value_or("\xff")), HealthCheckResponse::NOT_SERVING);
    watch.Cancel();
  }
  drain.join();
}

}  // namespace
}  // namespace jammi::test
