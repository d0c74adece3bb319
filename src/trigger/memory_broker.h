// Inside of the in-memory driver: what its tests may do and its users may not.
#pragma once

#include <memory>
#include <string>

#include "jammi/trigger.h"

namespace jammi {

// The next Publish() on any topic of `broker`, which NewMemoryBroker() made, fails with kUnavailable,
// BrokerDetail and this message; once (TRG-062).
void FailNextPublish(TriggerBroker& broker, std::string message);

}  // namespace jammi
