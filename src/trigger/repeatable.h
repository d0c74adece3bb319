// Writes that may be repeated without harm.
#pragma once

#include "jammi/error.h"

namespace jammi {

// For a write that changes nothing the second time: the same may succeed later.
[[nodiscard]] inline bool MayRepeat(const Error& error) {
  return IsRetryable(error.code()) || error.code() == ErrorCode::kOutcomeUnknown;
}

}  // namespace jammi
