// Inside of the JetStream driver: what the engine does with its own.
#pragma once

#include <optional>

#include "jammi/engine_status.h"
#include "jammi/trigger.h"

namespace jammi {

// Ends the subscriptions, bells and the connection of `broker` if NewJetStreamBroker() made it; whoever still
// holds it gets kUnavailable. Idempotent. Not from a callback of the driver.
void CloseJetStreamBroker(TriggerBroker& broker);

// Of `broker` if NewJetStreamBroker() made it.
[[nodiscard]] std::optional<BrokerStatus> JetStreamBrokerStatus(const TriggerBroker& broker);

}  // namespace jammi
