// Asks a server whether it is ready: the health check of a container that has no shell and no curl.
#pragma once

#include <chrono>
#include <string_view>

#include "jammi/result.h"

namespace jammi {

// GET /readyz at a numeric address, "127.0.0.1:8080". Success: it is ready.
// Errors: kInvalidArgument: no such address; kUnavailable: nobody listens there, or who does is not ready or
// answers something else, and the message says what; kDeadlineExceeded: no whole answer within `timeout`.
[[nodiscard]] Result<void> CheckReady(std::string_view address, std::chrono::milliseconds timeout);

}  // namespace jammi
