// Removes the bindings of sessions that expired long ago, in the background.
#pragma once

#include <chrono>
#include <thread>

#include "jammi/session_bindings.h"

namespace jammi {

// The destructor waits for the step that is under way. Thread-safe.
class SessionSweeper {
 public:
  SessionSweeper(SessionBindings bindings, std::chrono::milliseconds interval);

 private:
  std::jthread thread_;
};

}  // namespace jammi
