// Which tenants a program takes in.
#pragma once

#include <string_view>

#include "jammi/result.h"

namespace jammi::events {

// Can `tenant` be one token of a subject as it is? Refused: an empty one, and one with '.', '*', '>' or white
// space of Unicode in it. Nothing else is, so what was admitted may still need EncodeTenant() to be safe.
// `tenant` is UTF-8. Errors: kInvalidArgument with SinkDetail(kInvalidSubject).
[[nodiscard]] Result<void> AdmitTenant(std::string_view tenant);

}  // namespace jammi::events
