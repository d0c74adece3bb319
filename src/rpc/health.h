// grpc.health.v1: whether the server and each of its services serve. Anybody may ask.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "rpc/service.h"

namespace jammi {

// Thread-safe. It is of our own because gRPC's keeps its watches open, and a drain with them.
class HealthService final : public RpcService {
 public:
  // Everything serves from now on; a service none of whose methods is served is not known.
  explicit HealthService(const std::vector<const RpcService*>& services);
  ~HealthService() override;

  // Nothing serves any more: who watches is told so, and then the watch ends with UNAVAILABLE.
  void Drain();

 private:
  class Watch;
  struct Watches;

  std::unordered_set<std::string> names_;  // and "", the server
  const std::shared_ptr<Watches> watches_;
};

}  // namespace jammi
