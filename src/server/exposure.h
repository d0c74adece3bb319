// Who could reach the server, and whether that is meant.
#pragma once

#include "jammi/config.h"
#include "jammi/result.h"

namespace jammi {

// A server that asks nobody who he is listens on loopback addresses only, unless the configuration says that
// it is meant; then, and where credentials would travel in clear text, a warning is logged. Errors:
// kFailedPrecondition with ConfigDetail.
[[nodiscard]] Result<void> CheckExposure(const ServerConfig& config);

}  // namespace jammi
