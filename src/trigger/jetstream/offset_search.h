// Where in a stream an engine's offset stands. The two numbers drift apart with every event that did not
// reach the stream, so the place is looked for: in a few steps, without reading what lies between.
#pragma once

#include <cstdint>

#include "jammi/ids.h"
#include "jammi/result.h"
#include "nats/jetstream.h"

namespace jammi {

// A sequence at or before the first message whose offset is `from` or more; offsets ascend in a stream.
// Behind the last message when all of it is below `from`. Errors: kUnavailable, kNotFound: the stream is
// gone.
[[nodiscard]] Result<uint64_t> FindOffset(const nats::JetStream& jetstream, const nats::StreamInfo& stream,
                                          const TopicId& topic, uint64_t from);

}  // namespace jammi
