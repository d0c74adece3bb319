// SIGINT and SIGTERM as a request to end in order.
#pragma once

#include <functional>
#include <thread>

namespace jammi {

// One at a time in a process. While it lives, the first signal calls `stop` on a thread of its own; the
// second one ends the program as if nobody had listened.
class Interrupt {
 public:
  explicit Interrupt(std::function<void()> stop);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

 private:
  std::jthread listener_;
};

}  // namespace jammi
