// Which file holds the configuration, and its text.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "jammi/config.h"

namespace jammi {

struct ConfigFile {
  std::string name;            // as messages show it
  std::filesystem::path path;  // absolute
  std::string text;            // UTF-8
};

// The order is that of LoadOptions::path; relative names are meant from `directory`. nullopt: no file is
// named, and there is none. Errors, with ConfigDetail: kNotFound: the named file is not there;
// kInvalidArgument: it cannot be read, is larger than 16 MiB, or is no UTF-8.
[[nodiscard]] Result<std::optional<ConfigFile>> FindConfigFile(const LoadOptions& options,
                                                               const Environment& environment,
                                                               const std::filesystem::path& directory);

}  // namespace jammi
