// The folder a catalog file lies in.
#pragma once

#include <filesystem>

#include "jammi/result.h"

namespace jammi::sqlite {

// Creates `folder` and what is missing above it; a new entry is on disk when this returns.
// Errors: BackendDetail(kReadOnly, kFull, kIo).
[[nodiscard]] Result<void> EnsureFolder(const std::filesystem::path& folder);

// Brings the entries of `folder` to disk.
[[nodiscard]] Result<void> SyncFolder(const std::filesystem::path& folder);

}  // namespace jammi::sqlite
