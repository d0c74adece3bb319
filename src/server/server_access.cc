#include "server/server_access.h"

#include <utility>

namespace jammi {
namespace {

constexpr std::chrono::minutes kSweepInterval{10};

}  // namespace

Result<std::unique_ptr<ServerAccess>> ServerAccess::Open(const ServerConfig& config, Engine& engine,
                                                         std::shared_ptr<Clock> clock) {
  std::unique_ptr<TokenAuthenticator> tokens;
  if (config.token_path) {
    auto opened = TokenAuthenticator::Open(*config.token_path);
    if (!opened) return std::move(opened).error().While("server.token_path");
    tokens = *std::move(opened);
  }
  return std::unique_ptr<ServerAccess>(new ServerAccess(std::move(tokens), engine, std::move(clock)));
}

Result<void> ServerAccess::Reload() {
  if (tokens_ == nullptr) return {};
  auto reloaded = tokens_->Reload();
  if (!reloaded) return std::move(reloaded).error().While("server.token_path");
  return {};
}

ServerAccess::ServerAccess(std::unique_ptr<TokenAuthenticator> tokens, Engine& engine,
                           std::shared_ptr<Clock> clock)
    : tokens_(std::move(tokens)),
      sessions_(engine.session_bindings(), std::move(clock)),
      resolver_(tokens_ == nullptr ? static_cast<Authenticator&>(anonymous_) : *tokens_, sessions_),
      sweeper_(std::make_unique<SessionSweeper>(engine.session_bindings(), kSweepInterval)) {}

}  // namespace jammi
