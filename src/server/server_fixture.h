// Services over an engine that the test can reach, and typed calls of them. Which tenant a caller is, the
// test says: its session id is the tenant.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jammi/config.h"
#include "jammi/engine.h"
#include "jammi/v1/error.pb.h"
#include "rpc/rpc_fixture.h"
#include "server/server_context.h"
#include "support/temp_dir.h"

namespace jammi::test {

[[nodiscard]] inline TenantId TenantNumber(int number) {
  return *TenantId::Parse(fmt::format("00000000-0000-4000-8000-{:012}", number));
}

// The typed detail of a failure; absent: it has none, or another, or one that is not said twice alike.
template <class Detail>
[[nodiscard]] std::optional<Detail> DetailOf(const Answer& failure) {
  v1::error::RpcStatus status;
  Detail detail;
  if (!status.ParseFromString(failure.details) || status.details_size() != 1) return std::nullopt;
  if (status.code() != static_cast<int>(failure.code) || status.message() != failure.message) {
    return std::nullopt;
  }
  const auto& any = status.details(0);
  if (any.type_url() != "type.googleapis.com/" + Detail().GetTypeName()) return std::nullopt;
  if (!detail.ParseFromString(any.value())) return std::nullopt;
  return detail;
}

// Somebody who calls the methods of one service. Must not outlive its server.
class Caller {
 public:
  Caller(const TestRpcServer& server, std::string service, Headers headers)
      : server_(server), service_(std::move(service)), headers_(std::move(headers)) {}

  template <class Response, class Request>
  [[nodiscard]] std::expected<Response, Answer> Try(std::string_view method, const Request& request) const {
    auto answer =
        server_.Call(fmt::format("/{}/{}", service_, method), request, CallOptions{.headers = headers_});
    if (answer.code != RpcCode::kOk) return std::unexpected(std::move(answer));
    Response response;
    EXPECT_TRUE(response.ParseFromString(answer.bytes));
    return response;
  }
  // Of a call that must succeed.
  template <class Response, class Request>
  Response Ask(std::string_view method, const Request& request) const {
    auto response = Try<Response>(method, request);
    EXPECT_TRUE(response) << method << ": " << response.error().message;
    return response ? *std::move(response) : Response();
  }
  // Of a call that must not.
  template <class Response, class Request>
  [[nodiscard]] Answer Refused(std::string_view method, const Request& request) const {
    auto response = Try<Response>(method, request);
    EXPECT_FALSE(response) << method << " answered: " << response->ShortDebugString();
    return response ? Answer() : std::move(response.error());
  }

 private:
  const TestRpcServer& server_;
  std::string service_;
  Headers headers_;
};

class EngineServer {
 public:
  using NewService = std::function<std::unique_ptr<RpcService>(const ServerContext&)>;
  // On a catalog of its own. Callers call the first of the services.
  explicit EngineServer(std::vector<NewService> services)
      : directory_(TempDir::On::kMemory), new_services_(std::move(services)) {
    config_.artifact_dir = directory_.path();
    Start();
  }
  ~EngineServer() { Stop(); }
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;

  // Of tenant 1, 2, ...
  [[nodiscard]] Caller As(int tenant, const std::string& role = {}) const {
    Headers headers = {{"jammi-session-id", TenantNumber(tenant).ToString()}};
    if (!role.empty()) headers.emplace("authorization", "Bearer " + role);
    return {*server_, server_->services().front()->full_name(), std::move(headers)};
  }
  [[nodiscard]] Caller Unscoped() const { return {*server_, server_->services().front()->full_name(), {}}; }
  [[nodiscard]] Session SessionOf(int tenant) const { return engine_->ForTenant(TenantNumber(tenant)); }
  [[nodiscard]] Engine& engine() const { return *engine_; }
  [[nodiscard]] TestRpcServer& server() const { return *server_; }
  // For what is to be said before the next Restart().
  [[nodiscard]] Config& config() { return config_; }

  // Stops, and starts on the same catalog. Callers from before are of no use.
  void Restart() {
    Stop();
    Start();
  }

 private:
  void Start() {
    auto engine = Engine::Open(config_);
    if (!engine) {
      ADD_FAILURE() << engine.error().ToString();
      std::abort();
    }
    engine_ = *std::move(engine);
    context_ = std::make_unique<ServerContext>(ServerContext{.engine = *engine_, .config = config_});
    std::vector<std::unique_ptr<RpcService>> services;
    for (const auto& make : new_services_) services.push_back(make(*context_));
    server_ = std::make_unique<TestRpcServer>(std::move(services));
  }
  void Stop() {
    server_.reset();
    context_.reset();
    engine_.reset();
  }

  TempDir directory_;
  std::vector<NewService> new_services_;
  Config config_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<ServerContext> context_;
  std::unique_ptr<TestRpcServer> server_;
};

}  // namespace jammi::test
