// What a program says of its configuration when it is asked to: one text for all of them.
#pragma once

#include <cstdint>
#include <iosfwd>

#include "jammi/config.h"

namespace jammi {

// Whether an engine can start with the configuration: what was read, the warnings, "ok". The exit code: 1,
// and why on `err`, if it cannot.
[[nodiscard]] int CheckConfiguration(const LoadOptions& options, std::ostream& out, std::ostream& err);

enum class ConfigurationForm : uint8_t { kToml, kJson };

// Every value in force and where it comes from; secrets stay hidden. The warnings go to `err`; in JSON they
// are part of the answer. The exit code: 1, and why on `err`, if there is none.
[[nodiscard]] int PrintConfiguration(const LoadOptions& options, ConfigurationForm form, std::ostream& out,
                                     std::ostream& err);

}  // namespace jammi
