// What `publish` reads: a file, or the standard input, until the end or a signal.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "cli/interrupt.h"
#include "jammi/result.h"

namespace jammi {

// The first SIGINT or SIGTERM as something to wait for, so that a call that is under way ends before the
// command does. One at a time in a process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Errors: kCancelled: it came.
  [[nodiscard]] Result<void> Check() const;
  // Returns when `descriptor` has something to read, or its end. Errors: kCancelled.
  [[nodiscard]] Result<void> WaitFor(int descriptor) const;

 private:
  std::atomic<bool> stopped_ = false;
  const int wake_;
  std::optional<Interrupt> interrupt_;
};

class Input {
 public:
  // "-": the standard input. Errors: kNotFound, kUnavailable.
  [[nodiscard]] static Result<Input> Open(const std::string& file);
  Input(Input&& other) noexcept;
  ~Input();
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  Input& operator=(Input&&) = delete;

  [[nodiscard]] int descriptor() const { return fd_; }
  // What is there, waiting for some; empty: the end. Valid until the next call. Errors: kUnavailable;
  // kCancelled: `stop` came.
  [[nodiscard]] Result<std::string_view> Read(const StopSignal& stop);

 private:
  Input(int fd, std::string name);
  int fd_;
  std::string name_;
  std::string buffer_;
};

}  // namespace jammi
