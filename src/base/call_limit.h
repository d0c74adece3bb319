// Until when a call may go on that takes several steps.
#pragma once

#include <stop_token>
#include <string>
#include <string_view>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi {

struct CallLimit {
  Deadline deadline = {};
  std::stop_token stop = {};

  // Asked between two steps. Errors: kDeadlineExceeded, kCancelled; `what` begins the message.
  [[nodiscard]] Result<void> Check(std::string_view what) const {
    if (deadline.Passed()) {
      return Error(ErrorCode::kDeadlineExceeded, std::string(what) + ": the deadline passed before its end");
    }
    if (stop.stop_requested()) return Error(ErrorCode::kCancelled, std::string(what) + " was stopped");
    return {};
  }
};

}  // namespace jammi
