#include "server/server.h"

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "metrics/server_metrics.h"
#include "rpc/dispatcher.h"
#include "rpc/executor.h"
#include "rpc/observer.h"
#include "rpc/rpc_server.h"
#include "server/named_publisher.h"
#include "server/server_context.h"
#include "server/services.h"

namespace jammi {
namespace {

// Everybody is the global scope.
class AnonymousResolver final : public CallResolver {
 public:
  std::optional<Answer> ResolveNow(const CallMetadata&) override { return Answer(Identity{}); }
  Answer Resolve(const CallMetadata&, Deadline) override { return Identity{}; }
};

class NoObserver final : public RpcObserver {
 public:
  size_t Add(std::string_view, std::string_view) override { return 0; }
  void Began(size_t) override {}
  void Ended(size_t, RpcCode, std::chrono::nanoseconds) override {}
  void Unknown(std::string_view) override {}
};

bool HasTier(const Config& config, std::string_view tier) {
  return std::ranges::count(config.server.services.Enabled(), tier) > 0;
}

}  // namespace

// They die in reverse order: each uses those before it.
struct Server::Parts {
  explicit Parts(const Config& from) : config(from) {}

  const Config config;
  std::unique_ptr<Engine> engine;
  AnonymousResolver resolver;
  NoObserver observer;
  ServerMetrics metrics{JAMMI_VERSION};
  std::unique_ptr<RpcExecutor> executor;
  std::unique_ptr<ServerContext> context;
  std::unique_ptr<NamedPublisher> publisher;
  std::vector<std::unique_ptr<RpcService>> services;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<RpcServer> rpc;
  std::once_flag drained;
};

Result<std::unique_ptr<Server>> Server::Start(const Config& config, EngineOptions options) {
  auto parts = std::make_unique<Parts>(config);
  const auto& server = parts->config.server;
  JAMMI_ASSIGN(parts->engine, Engine::Open(parts->config, std::move(options)));
  parts->context =
      std::make_unique<ServerContext>(ServerContext{.engine = *parts->engine, .config = parts->config});
  parts->executor = std::make_unique<RpcExecutor>(server.handler_threads, server.max_waiting_calls);
  parts->publisher = std::make_unique<NamedPublisher>(*parts->context, *parts->executor, parts->metrics);
  parts->services = NewUnservedServices();
  parts->services.push_back(NewCatalogService(*parts->context));
  parts->services.push_back(NewAuditService(*parts->context));
  parts->services.push_back(NewAuditChainService(*parts->context));
  parts->services.push_back(NewOperationsService(*parts->context));
  if (HasTier(parts->config, "event")) {
    parts->services.push_back(NewTriggerService(*parts->context, *parts->publisher, parts->metrics));
  } else {
    parts->services.push_back(
        std::make_unique<RpcService>(kTriggerServiceName, "tier 'event' is not mounted"));
  }
  parts->dispatcher = std::make_unique<Dispatcher>(
      parts->resolver, *parts->executor, parts->observer,
      DispatcherOptions{.max_message_bytes = server.max_message_bytes, .max_streams = server.max_streams});
  std::vector<const RpcService*> services;
  for (const auto& service : parts->services) services.push_back(service.get());
  JAMMI_ASSIGN(parts->rpc, RpcServer::Start({.address = server.flight_listen,
                                             .max_message_bytes = server.max_message_bytes,
                                             .tls = std::nullopt},
                                            *parts->dispatcher, services));
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Drain(Deadline::Now()); }

std::string Server::flight_address() const { return parts_->rpc->address(); }
std::string Server::health_address() const { return parts_->config.server.health_listen; }

void Server::Drain(Deadline deadline) {
  std::call_once(parts_->drained, [&] {
    parts_->rpc->Shutdown(deadline);
    parts_->executor->Shutdown();
    parts_->engine->Close();
  });
}

}  // namespace jammi
