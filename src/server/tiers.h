// Which services a configuration asks for (SRV-005, SRV-006, SRV-040).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "jammi/config.h"

namespace jammi {

// Errors: kUnimplemented with ConfigDetail: a tier is named that this build does not have. "all" asks for
// those that there are.
[[nodiscard]] Result<void> CheckTiers(const ServerServices& services);

// Sorted by name, `core` included.
[[nodiscard]] std::vector<std::string> MountedTiers(const ServerServices& services);
[[nodiscard]] bool HasTier(const ServerServices& services, std::string_view tier);

}  // namespace jammi
