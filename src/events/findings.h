// Findings about events, and the error that carries them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jammi/error.h"

namespace jammi::events {

// kInvalidArgument with SinkDetail(kInvalidEvent); the message tells the first few. `findings` is not empty.
[[nodiscard]] Error InvalidEvent(std::vector<EventFinding> findings);
// The same of one finding.
[[nodiscard]] Error InvalidEvent(EventFault fault, std::string_view attribute, std::string message);

}  // namespace jammi::events
