// Inside of the JetStream driver: what the engine does with its own.
#pragma once

#include "jammi/trigger.h"

namespace jammi {

// Ends the subscriptions, bells and the connection of `broker` if NewJetStreamBroker() made it; whoever still
// holds it gets kUnavailable. Idempotent. Not from a callback of the driver.
void CloseJetStreamBroker(TriggerBroker& broker);

}  // namespace jammi
