// A catalog file for somebody who only looks.
#pragma once

#include <filesystem>
#include <memory>

#include "catalog/sqlite/connection.h"

namespace jammi::sqlite {

// Works beside an engine, and on a file system that cannot be written. `path` is canonical.
// Errors: kNotFound: there is no such file; kFailedPrecondition with BackendDetail(kMigration): another
// application's; what opening and reading it gives.
[[nodiscard]] Result<std::unique_ptr<Connection>> OpenToRead(const std::filesystem::path& path);

}  // namespace jammi::sqlite
