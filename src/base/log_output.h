// What a program decides about its log; a library leaves all of it alone (base/log.h).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "base/log_line.h"
#include "jammi/result.h"

namespace jammi {

// The level of each target.
struct LogFilter {
  std::array<LogLevel, kLogTargetNames.size()> levels;  // by LogTarget
};

// "info", or "warn,jammi::rpc=debug": a level, and levels of targets whose names begin so; of several the
// longest name counts. Without a level of its own: info. A name that is no target's is no mistake.
// Errors: kInvalidArgument.
[[nodiscard]] Result<LogFilter> ParseLogFilter(std::string_view text);

enum class LogStream : uint8_t { kError, kOutput };

// Colour only in text and on a terminal. Not while another thread writes to the log.
void SetLogOutput(LogStream stream, const LogFilter& filter, LogFormat format);

}  // namespace jammi
