// The variables of a process, as a value: whatever reads them takes them as an argument.
#pragma once

#include <map>
#include <string>

namespace jammi {

// Name and value. An empty value is a value.
using Environment = std::map<std::string, std::string>;

// Those of this process, now. Not to be called while another thread changes them.
[[nodiscard]] Environment ProcessEnvironment();

}  // namespace jammi
