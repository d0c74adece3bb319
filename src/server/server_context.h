// What the services share.
#pragma once

#include "jammi/config.h"
#include "jammi/engine.h"
#include "rpc/call.h"

namespace jammi {

// All of it outlives the services. Thread-safe as its parts are.
struct ServerContext {
  Engine& engine;
  const Config& config;

  // The engine as the caller sees it.
  [[nodiscard]] Session SessionOf(const RpcCall& call) const {
    const auto& tenant = call.identity.scope.tenant();
    return tenant ? engine.ForTenant(*tenant) : engine.Global();
  }
};

}  // namespace jammi
