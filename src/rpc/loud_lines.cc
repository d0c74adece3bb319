#include "rpc/loud_lines.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "base/log_line.h"

namespace jammi {
namespace {

constexpr UnixMicros kMinute = std::chrono::microseconds(std::chrono::minutes(1)).count();

void Warn(const std::string& message) {
  if (!LogEnabled(LogLevel::kWarning, LogTarget::kRpc)) return;
  LogWrite({.level = LogLevel::kWarning, .target = LogTarget::kRpc, .message = message});
}

}  // namespace

LoudLines::LoudLines(std::shared_ptr<Clock> clock)
    : clock_(clock == nullptr ? Clock::System() : std::move(clock)) {}

LoudLines::~LoudLines() {
  for (auto& [code, minute] : minutes_) SayLeftOut(code, minute);
}

void LoudLines::SayLeftOut(RpcCode code, Minute& minute) {
  if (minute.left_out == 0) return;
  Warn(fmt::format("{} more calls ended with {}", std::exchange(minute.left_out, 0), ToString(code)));
}

bool LoudLines::Take(RpcCode code) {
  const auto now = clock_->Now();
  const std::lock_guard lock(mutex_);
  auto& minute = minutes_[code];
  const auto passed = now - minute.began;
  if (minute.written == 0 || passed < 0 || passed >= kMinute) {  // less: the clock was set
    SayLeftOut(code, minute);
    minute = {.began = now};
  }
  if (minute.written < kMost) {
    ++minute.written;
    return true;
  }
  if (minute.left_out++ == 0) {
    Warn(fmt::format("{} calls ended with {} within a minute: more of them are counted, and have no lines",
                     kMost, ToString(code)));
  }
  return false;
}

}  // namespace jammi
