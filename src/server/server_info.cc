#include "server/server_info.h"

#include "server/tiers.h"

namespace jammi {

ServerInfo DescribeServer(const Config& config) {
  ServerInfo info{
      .version = JAMMI_VERSION,
      .features = {},
      .storage_backends = {"file", "memory"},
      .services = MountedTiers(config.server.services),
      .broker = std::holds_alternative<JetStreamBrokerConfig>(config.broker) ? "jet_stream" : "in_memory"};
#ifdef JAMMI_HAS_NATS
  info.features.emplace_back("jetstream-broker");
#endif
#ifdef JAMMI_HAS_POSTGRES
  info.features.emplace_back("postgres");
#endif
  return info;
}

}  // namespace jammi
