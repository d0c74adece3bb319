#include "server/server_access.h"

#include <fmt/format.h>

#include <utility>

#include "server/tls_files.h"

namespace jammi {
namespace {

constexpr std::chrono::minutes kSweepInterval{10};
constexpr std::string_view kTokenPath = "server.token_path";

}  // namespace

Result<std::unique_ptr<ServerAccess>> ServerAccess::Open(const ServerConfig& config, Engine& engine,
                                                         std::shared_ptr<Clock> clock) {
  std::unique_ptr<TokenAuthenticator> tokens;
  if (config.token_path) {
    auto opened = TokenAuthenticator::Open(*config.token_path);
    if (!opened) return std::move(opened).error().While(kTokenPath);
    tokens = *std::move(opened);
  }
  std::shared_ptr<RpcCertificates> certificates;
  JAMMI_ASSIGN(auto tls, ReadTlsFiles(config));
  if (tls) certificates = std::make_shared<RpcCertificates>(*std::move(tls));
  return std::unique_ptr<ServerAccess>(
      new ServerAccess(config, std::move(tokens), std::move(certificates), engine, std::move(clock)));
}

Result<void> ServerAccess::ReloadTokens() {
  if (tokens_ == nullptr) return {};
  auto reloaded = tokens_->Reload();
  if (!reloaded) return std::move(reloaded).error().While(kTokenPath);
  return {};
}

Result<void> ServerAccess::ReloadCertificates() {
  JAMMI_ASSIGN(auto tls, ReadTlsFiles(config_));
  if (tls) certificates_->Replace(*std::move(tls));
  return {};
}

Result<void> ServerAccess::Reload() {
  const auto tokens = ReloadTokens();
  const auto certificates = ReloadCertificates();
  if (tokens) return certificates;
  if (certificates) return tokens;
  return Error(tokens.error().code(),
               fmt::format("{}; {}", tokens.error().message(), certificates.error().message()));
}

ServerAccess::ServerAccess(const ServerConfig& config, std::unique_ptr<TokenAuthenticator> tokens,
                           std::shared_ptr<RpcCertificates> certificates, Engine& engine,
                           std::shared_ptr<Clock> clock)
    : config_(config),
      tokens_(std::move(tokens)),
      certificates_(std::move(certificates)),
      sessions_(engine.session_bindings(), std::move(clock)),
      resolver_(tokens_ == nullptr ? static_cast<Authenticator&>(anonymous_) : *tokens_, sessions_),
      sweeper_(std::make_unique<SessionSweeper>(engine.session_bindings(), kSweepInterval)) {}

}  // namespace jammi
