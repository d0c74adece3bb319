// Who may call the server, and whose the sessions are.
#pragma once

#include <memory>

#include "jammi/clock.h"
#include "jammi/config.h"
#include "jammi/engine.h"
#include "jammi/result.h"
#include "rpc/call.h"
#include "server/authenticator.h"
#include "server/session_resolver.h"
#include "server/session_store.h"
#include "server/session_sweeper.h"
#include "server/token_authenticator.h"

namespace jammi {

// Thread-safe. The engine must outlive it.
class ServerAccess {
 public:
  // Errors: those of ReadTokenFile(), naming the setting.
  [[nodiscard]] static Result<std::unique_ptr<ServerAccess>> Open(const ServerConfig& config, Engine& engine,
                                                                  std::shared_ptr<Clock> clock);

  [[nodiscard]] CallResolver& resolver() { return resolver_; }
  [[nodiscard]] SessionStore& sessions() { return sessions_; }

  // Reads the files again that say who may call. Errors: those of Open(), all in one; of what has one nothing
  // changes.
  [[nodiscard]] Result<void> Reload();

  // Ends what runs in the background; before the engine is closed. Calls are still answered.
  void Stop() { sweeper_.reset(); }

 private:
  ServerAccess(std::unique_ptr<TokenAuthenticator> tokens, Engine& engine, std::shared_ptr<Clock> clock);

  AnonymousAuthenticator anonymous_;
  const std::unique_ptr<TokenAuthenticator> tokens_;  // null: there is no file of them
  SessionStore sessions_;
  SessionResolver resolver_;
  std::unique_ptr<SessionSweeper> sweeper_;
};

}  // namespace jammi
