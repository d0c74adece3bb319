#include "server/server_info.h"

#include <algorithm>

namespace jammi {

ServerInfo DescribeServer(const Config& config) {
  ServerInfo info{
      .version = JAMMI_VERSION,
      .features = {},
      .storage_backends = {"file", "memory"},
      .services = config.server.services.Enabled(),
      .broker = std::holds_alternative<JetStreamBrokerConfig>(config.broker) ? "jet_stream" : "in_memory"};
#ifdef JAMMI_HAS_NATS
  info.features.emplace_back("jetstream-broker");
#endif
#ifdef JAMMI_HAS_POSTGRES
  info.features.emplace_back("postgres");
#endif
  // What this version cannot do is not promised (SRV-006).
  std::erase(info.services, "train");
  std::erase(info.services, "eval");
  return info;
}

}  // namespace jammi
