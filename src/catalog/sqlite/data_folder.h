// The folder a catalog file lies in.
#pragma once

#include <filesystem>

#include "jammi/result.h"

namespace jammi::sqlite {

// Creates `folder` and what is missing above it; a new entry is on disk when this returns. (The entries
// of the files in it are SQLite's business: it syncs the folder with the first sync of a journal or log.)
// Errors: BackendDetail(kReadOnly, kFull, kIo).
[[nodiscard]] Result<void> EnsureFolder(const std::filesystem::path& folder);

}  // namespace jammi::sqlite
