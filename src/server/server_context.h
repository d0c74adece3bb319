// What the services share.
#pragma once

#include <cstdint>
#include <functional>

#include "jammi/config.h"
#include "jammi/engine.h"
#include "rpc/call.h"

namespace jammi {

// All of it outlives the services. Thread-safe as its parts are.
struct ServerContext {
  Engine& engine;
  const Config& config;

  // The engine as the caller sees it.
  [[nodiscard]] Session SessionOf(const RpcCall& call) const { return SessionOf(call.identity.scope); }
  [[nodiscard]] Session SessionOf(const Scope& scope) const {
    return scope.tenant() ? engine.ForTenant(*scope.tenant()) : engine.Global();
  }
};

// Whose turn in the executor what is done for a scope takes.
[[nodiscard]] inline uint64_t LaneOf(const Scope& scope) {
  return scope.tenant() ? std::hash<TenantId>()(*scope.tenant()) : 0;
}

}  // namespace jammi
