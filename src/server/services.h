// The services of the server; each is a file of its own.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "rpc/service.h"
#include "server/server_context.h"

namespace jammi {

class NamedPublisher;
class RpcExecutor;
class ServerMetrics;

inline constexpr std::string_view kTriggerServiceName = "jammi.v1.trigger.TriggerService";
inline constexpr std::string_view kStreamServiceName = "jammi.ext.v1.StreamService";

[[nodiscard]] std::unique_ptr<RpcService> NewCatalogService(const ServerContext& context);
[[nodiscard]] std::unique_ptr<RpcService> NewAuditService(const ServerContext& context);
// Of ours, beyond the published protocol.
[[nodiscard]] std::unique_ptr<RpcService> NewAuditChainService(const ServerContext& context);
[[nodiscard]] std::unique_ptr<RpcService> NewOperationsService(const ServerContext& context);
// What is given outlives it.
[[nodiscard]] std::unique_ptr<RpcService> NewTriggerService(const ServerContext& context,
                                                            NamedPublisher& publisher,
                                                            ServerMetrics& metrics);
[[nodiscard]] std::unique_ptr<RpcService> NewStreamService(const ServerContext& context,
                                                           NamedPublisher& publisher, RpcExecutor& executor,
                                                           ServerMetrics& metrics);

// The services of the protocol that this version mounts and does not serve: each method says so.
[[nodiscard]] std::vector<std::unique_ptr<RpcService>> NewUnservedServices();

}  // namespace jammi
