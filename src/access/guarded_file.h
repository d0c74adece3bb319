// Small files that decide who gets in.
#pragma once

#include <filesystem>
#include <string>

#include "jammi/result.h"

namespace jammi {

enum class FileGuard : uint8_t {
  kNone,
  // Others than the owner may not write it, everybody may not read it, and the owner is this process's user
  // or root.
  kSecret,
};

// All of its bytes, 16 MiB at most. Errors name the file: kFailedPrecondition: it is not guarded so, is no
// file, or is too large; kNotFound; kUnavailable: it cannot be read.
[[nodiscard]] Result<std::string> ReadGuardedFile(const std::filesystem::path& path, FileGuard guard);

}  // namespace jammi
