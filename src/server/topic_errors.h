// Errors about topics that a request names.
#pragma once

#include <string>
#include <string_view>

#include "jammi/error.h"

namespace jammi {

// A topic that is not there is named as it was asked for, and the text is all there is to say (SRV-150,
// wire.md 3.1). Other errors stay as they are.
[[nodiscard]] inline Error NamingTopic(Error error, std::string_view topic) {
  if (error.As<TopicNotFoundDetail>() == nullptr) return error;
  return Error(ErrorCode::kNotFound, "topic '" + std::string(topic) + "' not found");
}

}  // namespace jammi
