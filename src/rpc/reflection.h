// grpc.reflection.v1alpha: what the services are and what their messages look like. Anybody may ask.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "rpc/service.h"

namespace jammi {

// Of our own because gRPC's takes a thread for each stream, and keeps the streams open in a drain.
class ReflectionService final : public RpcService {
 public:
  // Lists these and itself.
  explicit ReflectionService(const std::vector<const RpcService*>& services);

 private:
  class Dialog;
  // The dialogs end with their calls.
  std::shared_ptr<const std::vector<std::string>> names_;
};

}  // namespace jammi
