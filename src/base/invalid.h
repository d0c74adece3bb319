// The commonest error of all.
#pragma once

#include <string>
#include <utility>

#include "jammi/error.h"

namespace jammi {

// What the caller has sent cannot be used; `message` says what and why.
[[nodiscard]] inline Error Invalid(std::string message) {
  return {ErrorCode::kInvalidArgument, std::move(message)};
}

}  // namespace jammi
