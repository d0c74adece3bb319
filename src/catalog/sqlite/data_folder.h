// The folder a catalog file lies in, and the file's name.
#pragma once

#include <filesystem>

#include "jammi/result.h"

namespace jammi::sqlite {

// Creates `folder` and what is missing above it; a new entry is on disk when this returns. (The entries
// of the files in it are SQLite's business: it syncs the folder with the first sync of a journal or log.)
// Errors: BackendDetail(kReadOnly, kFull, kIo).
[[nodiscard]] Result<void> EnsureFolder(const std::filesystem::path& folder);

// Brings the entries of `folder` to disk.
[[nodiscard]] Result<void> SyncFolder(const std::filesystem::path& folder);

// Absolute and without links: the same file must have the same lock, however its path is spelled.
// Errors: kInvalidArgument: it names no file.
[[nodiscard]] Result<std::filesystem::path> CanonicalPath(const std::filesystem::path& path);

}  // namespace jammi::sqlite
