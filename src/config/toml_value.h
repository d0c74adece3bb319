// From a value of a TOML file to a setting's.
#pragma once

#include "config/toml_tree.h"
#include "config/value.h"

namespace jammi {

// Whole numbers are numbers, too; apart from that nothing is converted.
[[nodiscard]] OrComplaint<SettingValue> FromToml(SettingType type, const TomlNode& node);

}  // namespace jammi
