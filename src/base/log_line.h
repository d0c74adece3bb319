// A line of the log that says more than a sentence: whence, in which call, with which values.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/log.h"

namespace jammi {

// Who speaks; a filter may set its level. Log() and LogWrite(level, message) speak as kJammi.
enum class LogTarget : uint8_t {
  kJammi,
  kRpc,  // one line a call
};

// By LogTarget.
inline constexpr std::array<std::string_view, 2> kLogTargetNames = {"jammi", "jammi::rpc"};

struct LogField {
  std::string_view name;
  std::string_view value;
};

// Views; never a secret among them.
struct LogLine {
  LogLevel level = LogLevel::kInfo;
  LogTarget target = LogTarget::kJammi;
  std::string_view message;
  std::span<const LogField> fields = {};
  // What was being done, and for whom; without a name there is none.
  std::string_view span = {};
  std::span<const LogField> span_fields = {};
};

// Thread-safe.
[[nodiscard]] bool LogEnabled(LogLevel level, LogTarget target);
void LogWrite(const LogLine& line);

}  // namespace jammi
