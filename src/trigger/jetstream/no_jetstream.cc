// A build without NATS.
#include "trigger/jetstream/jetstream_broker.h"

namespace jammi {

Result<std::unique_ptr<TriggerBroker>> NewJetStreamBroker(const JetStreamBrokerOptions& /*options*/) {
  return Error(ErrorCode::kUnimplemented,
               "broker.kind = \"jet_stream\": this build has no NATS; configure it with -DJAMMI_NATS=ON");
}

void CloseJetStreamBroker(TriggerBroker& /*broker*/) {}

std::optional<BrokerStatus> JetStreamBrokerStatus(const TriggerBroker& /*broker*/) { return std::nullopt; }

}  // namespace jammi
