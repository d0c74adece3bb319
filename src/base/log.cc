#include "base/log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <string>

#include "base/log_line.h"
#include "base/log_output.h"

namespace jammi {
namespace {

std::atomic<LogFormat> log_format = LogFormat::kText;
std::array<std::atomic<LogLevel>, kLogTargetNames.size()> log_levels = {LogLevel::kWarning,
                                                                        LogLevel::kWarning};

spdlog::sink_ptr MakeSink(LogStream stream) {
  if (stream == LogStream::kOutput) return std::make_shared<spdlog::sinks::stdout_color_sink_mt>();
  return std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
}

// It writes whatever it gets: log_levels decide.
spdlog::logger& Logger() {
  static const auto logger = [] {
    auto made = std::make_shared<spdlog::logger>("jammi", MakeSink(LogStream::kError));
    made->set_level(spdlog::level::trace);
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

const char* UpperName(LogLevel level) {
  constexpr std::array<const char*, 6> kNames = {"TRACE", "DEBUG", "INFO", "WARN", "ERROR", "OFF"};
  return kNames[static_cast<size_t>(level)];
}

// "2026-01-31T12:00:00.000000Z"
std::string Timestamp() {
  const auto now = std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const std::time_t time = std::chrono::system_clock::to_time_t(seconds);
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, (now - seconds).count());
}

std::string JsonText(const LogLine& line) {
  nlohmann::ordered_json json = {{"timestamp", Timestamp()},
                                 {"level", UpperName(line.level)},
                                 {"fields", {{"message", line.message}}},
                                 {"target", kLogTargetNames[static_cast<size_t>(line.target)]}};
  for (const auto& field : line.fields) json["fields"][std::string(field.name)] = field.value;
  if (!line.span.empty()) {
    json["span"]["name"] = line.span;
    for (const auto& field : line.span_fields) json["span"][std::string(field.name)] = field.value;
  }
  // Bytes that are no UTF-8 are replaced: a log line must never throw.
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A line stays one line, whatever a client put into it.
std::string OneLine(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

std::string PlainText(const LogLine& line) {
  std::string text;
  if (!line.span.empty()) {
    text += line.span;
    for (const auto& field : line.span_fields) text += fmt::format(" {}={}", field.name, field.value);
    text += ": ";
  }
  text += line.message;
  for (const auto& field : line.fields) text += fmt::format(" {}={}", field.name, field.value);
  return OneLine(std::move(text));
}

void SetForm(LogFormat format) {
  log_format = format;
  Logger().set_pattern(format == LogFormat::kJson ? "%v" : "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v",
                       spdlog::pattern_time_type::utc);
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
  SetForm(format);
  for (auto& each : log_levels) each = level;
}

void SetLogOutput(LogStream stream, const LogFilter& filter, LogFormat format) {
  Logger().sinks() = {MakeSink(stream)};
  SetForm(format);
  std::ranges::copy(filter.levels, log_levels.begin());
}

bool LogEnabled(LogLevel level) { return LogEnabled(level, LogTarget::kJammi); }

bool LogEnabled(LogLevel level, LogTarget target) {
  return level != LogLevel::kOff &&
         level >= log_levels[static_cast<size_t>(target)].load(std::memory_order_relaxed);
}

void LogWrite(LogLevel level, std::string_view message) { LogWrite({.level = level, .message = message}); }

void LogWrite(const LogLine& line) {
  if (!LogEnabled(line.level, line.target)) return;
  Logger().log(ToSpdlog(line.level), "{}", log_format == LogFormat::kJson ? JsonText(line) : PlainText(line));
}

}  // namespace jammi
