// The file of the authorities that a connection trusts, looked at before there is any connection.
#pragma once

#include <filesystem>

#include "jammi/result.h"

namespace jammi::events {

// Errors: kConfigError with the path: it cannot be read, is empty, or holds no certificate in PEM.
[[nodiscard]] Result<void> CheckAuthorityFile(const std::filesystem::path& path);

}  // namespace jammi::events
