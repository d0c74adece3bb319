// Where this platform keeps an application's files.
#pragma once

#include <filesystem>
#include <optional>

#include "jammi/config.h"

namespace jammi {

enum class Platform : uint8_t { kLinux, kMacos, kWindows };
[[nodiscard]] Platform ThisPlatform();

struct PlatformDirectories {
  // Absent where the variables that name the home directory are.
  std::optional<std::filesystem::path> config;
  std::optional<std::filesystem::path> data;
};
[[nodiscard]] PlatformDirectories FindDirectories(Platform platform, const Environment& environment);

// The variable's value, or null if it is not set or empty.
[[nodiscard]] const std::string* FindVariable(const Environment& environment, const std::string& name);

}  // namespace jammi
