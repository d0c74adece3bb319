// What a JetStream answers to a publish.
#pragma once

#include <string_view>

#include "nats/publish_window.h"

namespace jammi::nats {

// The body of an answer. kRefused: the stream said why; kBadAnswer: it is no acknowledgement.
[[nodiscard]] PublishOutcome ReadPublishAnswer(std::string_view body);

}  // namespace jammi::nats
