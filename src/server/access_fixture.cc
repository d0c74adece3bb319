#include "server/access_fixture.h"

#include <google/protobuf/empty.pb.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "jammi/ext/v1/streams.pb.h"
#include "jammi/v1/catalog.pb.h"
#include "jammi/v1/trigger.pb.h"
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

std::string Say(const RpcCall& call) {
  const auto& scope = call.identity.scope;
  return (scope.is_global() ? "global" : scope.Key()) + "/" + call.identity.principal;
}

// One message, in the first field of which is a text.
class OneText final : public RpcDialog {
 public:
  explicit OneText(std::string text) { message_.set_source_id(std::move(text)); }
  Result<Polled> TryNext() override { return std::exchange(sent_, true) ? Polled(End()) : Encode(message_); }
  void OnReady(std::move_only_function<void()>) override {}
  void Close() override {}
  Result<void> Take(const google::protobuf::MessageLite&) override { return {}; }
  Result<void> TakeEnd() override { return {}; }

 private:
  wire::SourceDescriptor message_;
  bool sent_ = false;
};

class Subscribes final : public RpcService {
 public:
  Subscribes() : RpcService("jammi.v1.trigger.TriggerService") {
    ServerStream<v1::trigger::SubscribeRequest, v1::trigger::SubscribedBatch>(
        "Subscribe", {.access = RpcAccess::kRead},
        [](const RpcCall& call, const auto&) -> Result<std::unique_ptr<RpcStream>> {
          return std::make_unique<OneText>(Say(call));
        });
  }
};

class Consumes final : public RpcService {
 public:
  Consumes() : RpcService("jammi.ext.v1.StreamService") {
    Converse<ext::v1::ConsumeRequest, ext::v1::ConsumeResponse>(
        "Consume", {.access = RpcAccess::kRead},
        [](const RpcCall& call, const auto&) -> Result<std::unique_ptr<RpcDialog>> {
          return std::make_unique<OneText>(Say(call));
        });
  }
};

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
};

Said SaidIn(RpcCode code, const std::string& bytes) {
  if (code != RpcCode::kOk) return std::string(ToString(code));
  wire::SourceDescriptor reply;  // the first field of all these replies is a text
  return reply.ParseFromString(bytes) ? reply.source_id() : "garbage";
}

}  // namespace

CallOptions HeadersOf(const Caller& caller) {
  CallOptions options;
  if (!caller.session.empty()) options.headers.emplace("jammi-session-id", caller.session);
  if (!caller.token.empty()) options.headers.emplace("authorization", "Bearer " + caller.token);
  return options;
}

Said AccessClient::Ask(const char* method, const Caller& caller) const {
  const auto answer = channel_.Call(std::string(kService) + method, "", HeadersOf(caller));
  return SaidIn(answer.code, answer.bytes);
}

Said AccessClient::AskStream(const char* path, const Caller& caller) const {
  auto stream = channel_.Stream(path, "", HeadersOf(caller));
  const auto bytes = stream.Read().value_or("");
  return SaidIn(stream.Finish().code, bytes);
}

Said AccessClient::Who(const Caller& caller) const { return Ask("DescribeSource", caller); }
Said AccessClient::WhoAdministers(const Caller& caller) const { return Ask("DescribeModel", caller); }
Said AccessClient::WhoComesIn(const Caller& caller) const { return Ask("GetServerInfo", caller); }
Said AccessClient::WhoSubscribes(const Caller& caller) const {
  return AskStream("/jammi.v1.trigger.TriggerService/Subscribe", caller);
}
Said AccessClient::WhoConsumes(const Caller& caller) const {
  return AskStream("/jammi.ext.v1.StreamService/Consume", caller);
}
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
  services_.push_back(std::make_unique<Subscribes>());
  services_.push_back(std::make_unique<Consumes>());
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
