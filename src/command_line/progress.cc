#include "command_line/progress.h"

#include <fmt/format.h>

#include <ostream>

namespace jammi {
namespace {

constexpr std::chrono::seconds kQuietAtFirst{1};
constexpr std::chrono::milliseconds kBetween{200};
constexpr std::string_view kEraseLine = "\r\x1b[K";

}  // namespace

Progress::Progress(std::ostream& stream, bool is_terminal, std::function<TimePoint()> now)
    : stream_(stream), is_terminal_(is_terminal), now_(std::move(now)), next_(now_() + kQuietAtFirst) {}

void Progress::Update(uint64_t events, uint64_t failed, uint64_t done, std::optional<uint64_t> total) {
  if (!is_terminal_) return;
  const TimePoint now = now_();
  if (now < next_) return;
  next_ = now + kBetween;
  const auto share = total && *total > 0 ? fmt::format(", {} %", 100 * done / *total) : std::string();
  const auto bad = failed > 0 ? fmt::format(", {} failed", failed) : std::string();
  stream_ << kEraseLine << events << " events" << bad << share << std::flush;
  shown_ = true;
}

void Progress::Clear() {
  if (shown_) stream_ << kEraseLine << std::flush;
  shown_ = false;
}

}  // namespace jammi
