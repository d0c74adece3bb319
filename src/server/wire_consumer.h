// Named consumers, and where a reader begins, as messages of the wire.
#pragma once

#include "jammi/consumers.h"
#include "jammi/ext/v1/streams.pb.h"
#include "jammi/result.h"

namespace jammi {

[[nodiscard]] ext::v1::Consumer ToWire(const Consumer& consumer);
// `absent` if it says nothing. Errors: kInvalidArgument: a time or a position that is none.
[[nodiscard]] Result<From> ToFrom(const ext::v1::Start& start, From absent);
// Errors: kInvalidArgument: a duration that is none, and those of ToFrom().
[[nodiscard]] Result<AttachOptions> ToAttachOptions(const ext::v1::ConsumeRequest::Attach& attach);

}  // namespace jammi
