// The middle of LoadConfig(): what it does once the file is read.
#pragma once

#include <filesystem>
#include <optional>

#include "config/config_file.h"
#include "jammi/config.h"

namespace jammi {

// Touches no file and logs nothing; else as LoadConfig().
[[nodiscard]] Result<LoadedConfig> LoadFrom(const std::optional<ConfigFile>& file,
                                            const Environment& environment,
                                            const std::filesystem::path& directory);

}  // namespace jammi
