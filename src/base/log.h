// The process's log, on spdlog. Messages name what happened and to what; never a secret.
// A library stays quiet unless asked: the default level is warning, on stderr.
#pragma once

#include <fmt/format.h>

#include <string_view>

#include "jammi/result.h"

namespace jammi {

enum class LogLevel { kTrace, kDebug, kInfo, kWarning, kError, kOff };
enum class LogFormat { kText, kJson };

// Thread-safe; takes effect at once. Errors: kInvalidArgument for an unknown level name.
[[nodiscard]] Result<LogLevel> ParseLogLevel(std::string_view text);
void SetLog(LogLevel level, LogFormat format);
[[nodiscard]] bool LogEnabled(LogLevel level);
void LogWrite(LogLevel level, std::string_view message);

template <class... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogWrite(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace jammi
