#include "server/access_fixture.h"

#include <google/protobuf/empty.pb.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "jammi/v1/catalog.pb.h"
#include "server/services.h"
#include "server/tenant_methods.h"

namespace jammi::test {
namespace {

namespace wire = ::jammi::v1::catalog;
using google::protobuf::Empty;

constexpr auto kService = "/jammi.v1.catalog.CatalogService/";

template <class T>
T OrDie(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "%s\n", result.error().ToString().c_str());
  std::abort();
}

// Methods of the real service, each of which answers with the caller.
class WhoAmI final : public RpcService {
 public:
  explicit WhoAmI(SessionStore& sessions) : RpcService("jammi.v1.catalog.CatalogService") {
    AddTenantMethods(*this, sessions);
    Unary<wire::DescribeSourceRequest, wire::SourceDescriptor>("DescribeSource", {.access = RpcAccess::kRead},
                                                               [](const RpcCall& call, const auto&) {
                                                                 wire::SourceDescriptor reply;
                                                                 reply.set_source_id(Say(call));
                                                                 return reply;
                                                               });
    Unary<wire::RegisterTopicRequest, wire::RegisterTopicResponse>(
        "RegisterTopic", {.access = RpcAccess::kWrite}, [](const RpcCall& call, const auto&) {
          wire::RegisterTopicResponse reply;
          reply.set_topic_id(Say(call));
          return reply;
        });
    Unary<wire::DescribeModelRequest, wire::Model>("DescribeModel", {.access = RpcAccess::kAdmin},
                                                   [](const RpcCall& call, const auto&) {
                                                     wire::Model reply;
                                                     reply.set_model_id(Say(call));
                                                     return reply;
                                                   });
    Unary<Empty, wire::ServerInfo>("GetServerInfo", {.access = RpcAccess::kOpen, .quick = true},
                                   [](const RpcCall& call, const auto&) {
                                     wire::ServerInfo reply;
                                     reply.set_version(Say(call));
                                     return reply;
                                   });
  }

 private:
  static std::string Say(const RpcCall& call) {
    const auto& scope = call.identity.scope;
    return (scope.is_global() ? "global" : scope.Key()) + "/" + call.identity.principal;
  }
};

}  // namespace

CallOptions HeadersOf(const Caller& caller) {
  CallOptions options;
  if (!caller.session.empty()) options.headers.emplace("jammi-session-id", caller.session);
  if (!caller.token.empty()) options.headers.emplace("authorization", "Bearer " + caller.token);
  return options;
}

Said AccessClient::Ask(const char* method, const Caller& caller) const {
  const auto answer = channel_.Call(std::string(kService) + method, "", HeadersOf(caller));
  if (answer.code != RpcCode::kOk) return std::string(ToString(answer.code));
  wire::SourceDescriptor reply;  // the first field of all these replies is a text
  return reply.ParseFromString(answer.bytes) ? reply.source_id() : "garbage";
}

Said AccessClient::Who(const Caller& caller) const { return Ask("DescribeSource", caller); }
Said AccessClient::WhoAdministers(const Caller& caller) const { return Ask("DescribeModel", caller); }
Said AccessClient::WhoComesIn(const Caller& caller) const { return Ask("GetServerInfo", caller); }
Said AccessClient::WhoWrites(const Caller& caller) const { return Ask("RegisterTopic", caller); }

Answer AccessClient::SetTenant(const Caller& caller, const std::string& tenant) const {
  wire::SetTenantRequest request;
  request.mutable_tenant()->set_id(tenant);
  return channel_.Call(std::string(kService) + "SetTenant", request, HeadersOf(caller));
}

Answer AccessClient::ClearTenant(const Caller& caller) const {
  return channel_.Call(std::string(kService) + "ClearTenant", "", HeadersOf(caller));
}

Said AccessClient::GetTenant(const Caller& caller) const {
  const auto answer = channel_.Call(std::string(kService) + "GetTenant", "", HeadersOf(caller));
  if (answer.code != RpcCode::kOk) return std::string(ToString(answer.code));
  wire::GetTenantResponse reply;
  return reply.ParseFromString(answer.bytes) && reply.has_tenant() ? reply.tenant().id() : "garbage";
}

AccessServer::AccessServer(const Config& config, EngineOptions options) {
  const auto clock = options.clock == nullptr ? Clock::System() : options.clock;
  engine_ = OrDie(Engine::Open(config, std::move(options)));
  access_ = OrDie(ServerAccess::Open(config.server, *engine_, clock));
  services_ = NewUnservedServices();
  services_.push_back(std::make_unique<WhoAmI>(access_->sessions()));
  executor_ = std::make_unique<RpcExecutor>(8, 1024);
  dispatcher_ = std::make_unique<Dispatcher>(access_->resolver(), *executor_, observer_, DispatcherOptions{});
  std::vector<const RpcService*> services;
  for (const auto& service : services_) services.push_back(service.get());
  rpc_ = OrDie(RpcServer::Start({}, *dispatcher_, services));
  client_ = std::make_unique<AccessClient>(rpc_->address());
}

AccessServer::~AccessServer() {
  rpc_->Shutdown(Deadline::Now());
  executor_->Shutdown();
  access_->Stop();
  engine_->Close();
}

}  // namespace jammi::test
