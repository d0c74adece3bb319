// Errors of sinks: one place that says which code a fault has.
#pragma once

#include <string>

#include "jammi/error.h"

namespace jammi::events {

// kInvalidArgument: of the event, or the settings; kFailedPrecondition: the server's no; kOutcomeUnknown: the
// event may have arrived; kUnavailable: try later; and so on. `message` holds no secret.
[[nodiscard]] Error SinkError(SinkFault fault, std::string message);

}  // namespace jammi::events
