#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include <atomic>

namespace jammi {
namespace {

std::atomic<LogFormat> log_format = LogFormat::kText;

spdlog::logger& Logger() {
  static const auto logger = [] {
    auto made =
        std::make_shared<spdlog::logger>("jammi", std::make_shared<spdlog::sinks::stderr_color_sink_mt>());
    made->set_level(spdlog::level::warn);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
    case LogLevel::kOff:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view text) {
  for (const auto& [name, level] : {std::pair<std::string_view, LogLevel>{"trace", LogLevel::kTrace},
                                    {"debug", LogLevel::kDebug},
                                    {"info", LogLevel::kInfo},
                                    {"warn", LogLevel::kWarning},
                                    {"warning", LogLevel::kWarning},
                                    {"error", LogLevel::kError},
                                    {"off", LogLevel::kOff}}) {
    if (text == name) return level;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("log level '{}': expected trace, debug, info, warn, error or off", text));
}

void SetLog(LogLevel level, LogFormat format) {
  log_format = format;
  Logger().set_pattern(format == LogFormat::kJson ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  Logger().set_level(ToSpdlog(level));
}

bool LogEnabled(LogLevel level) { return Logger().should_log(ToSpdlog(level)); }

void LogWrite(LogLevel level, std::string_view message) {
  if (log_format == LogFormat::kText) {
    Logger().log(ToSpdlog(level), "{}", message);
    return;
  }
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  const nlohmann::ordered_json line = {
      {"time_us", now},
      {"level", std::string(spdlog::level::to_string_view(ToSpdlog(level)).data())},
      {"message", message}};
  // Bytes that are no UTF-8 are replaced: a log line must never throw.
  Logger().log(ToSpdlog(level), "{}", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace jammi
