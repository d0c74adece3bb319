#include "server/server.h"

#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "http/http_server.h"
#include "http/probes.h"
#include "metrics/load_samples.h"
#include "metrics/server_metrics.h"
#include "rpc/dispatcher.h"
#include "rpc/executor.h"
#include "rpc/rpc_server.h"
#include "server/engine_health.h"
#include "server/exposure.h"
#include "server/named_publisher.h"
#include "server/rpc_metrics.h"
#include "server/server_access.h"
#include "server/server_context.h"
#include "server/services.h"
#include "server/tenant_methods.h"
#include "server/tiers.h"

namespace jammi {
namespace {

constexpr std::chrono::seconds kReadyLimit{2};
constexpr std::chrono::seconds kCountLimit{1};

}  // namespace

// They die in reverse order: each uses those before it. What a scrape collects is later than the metrics, but
// nobody scrapes once the probes are gone.
struct Server::Parts {
  explicit Parts(const Config& from) : config(from) {}
  void MakeServices();
  void MakeDispatcher();
  void MakeProbes();
  Result<void> Listen();

  const Config config;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ServerAccess> access;
  ServerMetrics metrics{JAMMI_VERSION};
  RpcMetrics observer{metrics};
  std::unique_ptr<RpcExecutor> executor;
  std::unique_ptr<ServerContext> context;
  std::unique_ptr<NamedPublisher> publisher;
  std::vector<std::unique_ptr<RpcService>> services;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Probes> probes;
  std::unique_ptr<HttpServer> http;
  std::unique_ptr<RpcServer> rpc;
  std::once_flag drained;
};

// SRV-040
void Server::Parts::MakeServices() {
  executor = std::make_unique<RpcExecutor>(config.server.handler_threads, config.server.max_waiting_calls);
  context = std::make_unique<ServerContext>(ServerContext{.engine = *engine, .config = config});
  publisher = std::make_unique<NamedPublisher>(*context, *executor, metrics);
  services = NewUnservedServices();
  services.push_back(NewCatalogService(*context));
  AddTenantMethods(*services.back(), access->sessions());
  services.push_back(NewAuditService(*context));
  services.push_back(NewAuditChainService(*context));
  services.push_back(NewOperationsService(*context));
  if (HasTier(config.server.services, "event")) {
    services.push_back(NewTriggerService(*context, *publisher, metrics));
    services.push_back(NewStreamService(*context, *publisher, *executor, metrics));
  } else {
    for (const auto name : {kTriggerServiceName, kStreamServiceName}) {
      services.push_back(std::make_unique<RpcService>(name, "tier 'event' is not mounted"));
    }
  }
}

void Server::Parts::MakeDispatcher() {
  const auto& server = config.server;
  dispatcher = std::make_unique<Dispatcher>(
      access->resolver(), *executor, observer,
      DispatcherOptions{.max_message_bytes = server.max_message_bytes, .max_streams = server.max_streams});
}

void Server::Parts::MakeProbes() {
  metrics.OnScrape([this](Samples& samples) {
    ServerLoad load{
        .streams = dispatcher->open_streams(), .waiting_calls = executor->waiting(), .sessions = {}};
    if (const auto sessions = engine->session_bindings().Count(Deadline::After(kCountLimit))) {
      load.sessions = *sessions;
    }
    PutLoadSamples(load, samples);
    PutEngineSamples(*engine, samples);
  });
  probes = std::make_unique<Probes>(JAMMI_VERSION, metrics,
                                    [this] { return CheckReadiness(*engine, Deadline::After(kReadyLimit)); });
}

// The health port first, gRPC next (SRV-007); both before anything is answered.
Result<void> Server::Parts::Listen() {
  JAMMI_ASSIGN(http, HttpServer::Bind(config.server.health_listen, {}, probes->Handler()));
  std::vector<const RpcService*> served;
  for (const auto& service : services) served.push_back(service.get());
  JAMMI_ASSIGN(rpc, RpcServer::Start({.address = config.server.flight_listen,
                                      .max_message_bytes = config.server.max_message_bytes,
                                      .max_incoming_bytes = config.server.max_incoming_bytes,
                                      .tls = access->certificates()},
                                     *dispatcher, served));
  http->Serve();
  return {};
}

Result<std::unique_ptr<Server>> Server::Start(const Config& config, EngineOptions options) {
  JAMMI_TRY(CheckTiers(config.server.services));
  JAMMI_TRY(CheckExposure(config.server));
  auto parts = std::make_unique<Parts>(config);
  const auto clock = options.clock == nullptr ? Clock::System() : options.clock;
  JAMMI_ASSIGN(parts->engine, Engine::Open(parts->config, std::move(options)));
  JAMMI_ASSIGN(parts->access, ServerAccess::Open(parts->config.server, *parts->engine, clock));
  parts->MakeServices();
  parts->MakeDispatcher();
  parts->MakeProbes();
  JAMMI_TRY(parts->Listen());
  return std::unique_ptr<Server>(new Server(std::move(parts)));
}

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Server::~Server() { Drain(Deadline::Now()); }

std::string Server::flight_address() const { return parts_->rpc->address(); }
std::string Server::health_address() const { return parts_->http->address(); }

// Of several files one may have been taken: then it counts, also for streams.
Result<void> Server::Reload() {
  auto reloaded = parts_->access->Reload();
  parts_->dispatcher->EndRevokedStreams();
  return reloaded;
}

// The health port goes last but one: until then it says that the server is not ready.
void Server::Drain(Deadline deadline) {
  std::call_once(parts_->drained, [&] {
    parts_->probes->SetDraining();
    parts_->rpc->Shutdown(deadline);
    parts_->http->Stop();
    parts_->executor->Shutdown();
    parts_->access->Stop();
    parts_->engine->Close();
  });
}

}  // namespace jammi
