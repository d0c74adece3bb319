// Callbacks of callers, run on threads of ours.
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include "base/log.h"

namespace jammi {

// Calls `fn`. What it throws is its owner's bug: it is logged under `what`, and our thread goes on.
template <class Fn, class... Args>
void CallBack(std::string_view what, Fn& fn, Args&&... args) {
  try {
    fn(std::forward<Args>(args)...);
  } catch (const std::exception& thrown) {
    Log(LogLevel::kError, "{}: a callback threw: {}", what, thrown.what());
  } catch (...) {
    Log(LogLevel::kError, "{}: a callback threw something that is no exception", what);
  }
}

}  // namespace jammi
