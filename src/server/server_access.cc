#include "server/server_access.h"

#include <utility>

namespace jammi {
namespace {

constexpr std::chrono::minutes kSweepInterval{10};

}  // namespace

Result<std::unique_ptr<ServerAccess>> ServerAccess::Open(const ServerConfig& /*config*/, Engine& engine,
                                                         std::shared_ptr<Clock> clock) {
  auto authenticator = std::make_unique<AnonymousAuthenticator>();
  return std::unique_ptr<ServerAccess>(new ServerAccess(std::move(authenticator), engine, std::move(clock)));
}

ServerAccess::ServerAccess(std::unique_ptr<Authenticator> authenticator, Engine& engine,
                           std::shared_ptr<Clock> clock)
    : authenticator_(std::move(authenticator)),
      sessions_(engine.session_bindings(), std::move(clock)),
      resolver_(*authenticator_, sessions_),
      sweeper_(std::make_unique<SessionSweeper>(engine.session_bindings(), kSweepInterval)) {}

}  // namespace jammi
