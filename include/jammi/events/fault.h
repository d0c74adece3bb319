// Whose fault an error of a sink is, and so what can be done with the event.
#pragma once

#include <cstdint>

#include "jammi/error.h"

namespace jammi::events {

enum class FaultClass : uint8_t {
  kEvent,      // this event will never pass; the next one may
  kTransient,  // the same event may pass later
  kStart,      // the sink could not be made
  kInternal,   // the event could not be signed
  kStorage,    // a file of the sink's own
  kUsage,      // the sink was closed
};
[[nodiscard]] FaultClass ClassOf(SinkFault fault);

// The fault of an error of a sink; kUnavailable if it has none, as those of other libraries may.
[[nodiscard]] SinkFault FaultOf(const Error& error);

}  // namespace jammi::events
