// Who may call the server, and whose the sessions are.
#pragma once

#include <memory>

#include "jammi/clock.h"
#include "jammi/config.h"
#include "jammi/engine.h"
#include "jammi/result.h"
#include "rpc/call.h"
#include "rpc/certificates.h"
#include "server/authenticator.h"
#include "server/session_resolver.h"
#include "server/session_store.h"
#include "server/session_sweeper.h"
#include "server/token_authenticator.h"

namespace jammi {

// Thread-safe. The engine must outlive it.
class ServerAccess {
 public:
  // Errors: those of ReadTokenFile(), naming the setting, and of ReadTlsFiles().
  [[nodiscard]] static Result<std::unique_ptr<ServerAccess>> Open(const ServerConfig& config, Engine& engine,
                                                                  std::shared_ptr<Clock> clock);

  [[nodiscard]] CallResolver& resolver() { return resolver_; }
  [[nodiscard]] SessionStore& sessions() { return sessions_; }
  [[nodiscard]] const std::shared_ptr<RpcCertificates>& certificates() const { return certificates_; }

  // Reads the files again that say who may call. Errors: those of Open(), all in one; of what has one nothing
  // changes.
  [[nodiscard]] Result<void> Reload();

  // Ends what runs in the background; before the engine is closed. Calls are still answered.
  void Stop() { sweeper_.reset(); }

 private:
  ServerAccess(const ServerConfig& config, std::unique_ptr<TokenAuthenticator> tokens,
               std::shared_ptr<RpcCertificates> certificates, Engine& engine, std::shared_ptr<Clock> clock);
  [[nodiscard]] Result<void> ReloadTokens();
  [[nodiscard]] Result<void> ReloadCertificates();

  const ServerConfig config_;
  AnonymousAuthenticator anonymous_;
  const std::unique_ptr<TokenAuthenticator> tokens_;     // null: there is no file of them
  const std::shared_ptr<RpcCertificates> certificates_;  // null: no TLS
  SessionStore sessions_;
  SessionResolver resolver_;
  std::unique_ptr<SessionSweeper> sweeper_;
};

}  // namespace jammi
