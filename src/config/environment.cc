#include "config/environment.h"

#include <string_view>

namespace jammi {
namespace {

namespace fs = std::filesystem;

// The XDG rules: empty and relative values count as not set.
std::optional<fs::path> XdgDirectory(const Environment& environment, const std::string& variable,
                                     std::string_view below_home) {
  if (const auto* given = FindVariable(environment, variable); given != nullptr && given->front() == '/') {
    return fs::path(*given) / "jammi";
  }
  if (const auto* home = FindVariable(environment, "HOME")) return fs::path(*home) / below_home / "jammi";
  return std::nullopt;
}

std::optional<fs::path> Below(const Environment& environment, const std::string& variable,
                              std::string_view rest) {
  const auto* base = FindVariable(environment, variable);
  return base != nullptr ? std::optional(fs::path(*base) / rest) : std::nullopt;
}

}  // namespace

Platform ThisPlatform() {
#if defined(__APPLE__)
  return Platform::kMacos;
#elif defined(_WIN32)
  return Platform::kWindows;
#else
  return Platform::kLinux;
#endif
}

PlatformDirectories FindDirectories(Platform platform, const Environment& environment) {
  switch (platform) {
    case Platform::kMacos: {
      const auto both = Below(environment, "HOME", "Library/Application Support/ai.jammi.jammi");
      return {both, both};
    }
    case Platform::kWindows:
      return {Below(environment, "APPDATA", "jammi/jammi/config"),
              Below(environment, "LOCALAPPDATA", "jammi/jammi/data")};
    case Platform::kLinux:
      break;
  }
  return {XdgDirectory(environment, "XDG_CONFIG_HOME", ".config"),
          XdgDirectory(environment, "XDG_DATA_HOME", ".local/share")};
}

const std::string* FindVariable(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() || found->second.empty() ? nullptr : &found->second;
}

}  // namespace jammi
