// What a topic's broker metadata says to the drivers.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "jammi/result.h"

namespace jammi {

// `retention_seconds`: how long a broker keeps a message; 0 = without end; absent: the driver's default.
// Errors: kInvalidArgument: it is no number, or more than a hundred years; whatever driver there is.
[[nodiscard]] Result<std::optional<uint64_t>> RetentionSeconds(
    const std::map<std::string, std::string>& broker_metadata);

}  // namespace jammi
