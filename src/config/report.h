// What is said of a configuration: `jammi config show` and docs/configuration.md.
#pragma once

#include <string>

#include "jammi/config.h"

namespace jammi {

// Every setting that applies, with its value and, in a comment, where that comes from. It is a
// configuration file itself; secrets and settings that are not set stand there as comments.
[[nodiscard]] std::string ShowAsToml(const LoadedConfig& loaded);
// The same for programs: {"file": ..., "settings": {key: {"value": ..., "origin": ...}}, "warnings": [...]}.
// A secret's value is "[secret]"; what is not set is null.
[[nodiscard]] std::string ShowAsJson(const LoadedConfig& loaded);

// docs/configuration.md, the same on every machine.
[[nodiscard]] std::string ConfigurationPage();

}  // namespace jammi
