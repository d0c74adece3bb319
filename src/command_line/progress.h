// A line that says how far a long run has come, for who sits in front of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace jammi {

// Used by one thread. Nothing is shown to what is not a terminal, and nothing in the first second.
class Progress {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  // `now` is there for tests.
  Progress(std::ostream& stream, bool is_terminal,
           std::function<TimePoint()> now = &std::chrono::steady_clock::now);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `total` of what `done` counts (bytes, files): for the share; nullopt: not known.
  void Update(uint64_t events, uint64_t failed, uint64_t done, std::optional<uint64_t> total);
  // Takes the line away, so that something else can be printed.
  void Clear();

 private:
  std::ostream& stream_;
  const bool is_terminal_;
  const std::function<TimePoint()> now_;
  TimePoint next_;
  bool shown_ = false;
};

}  // namespace jammi
