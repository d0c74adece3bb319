// Looking at the stream that takes a sink's events.
#pragma once

#include <string>
#include <string_view>

#include "jammi/events/stream_check.h"
#include "jammi/result.h"
#include "nats/connection.h"

namespace jammi::events {

// `expected_stream`: empty: any. Errors: kUnavailable; kRejected: we may not ask.
[[nodiscard]] Result<StreamReport> CheckStreamOf(nats::Connection& connection,
                                                 std::string_view subject_template,
                                                 const std::string& expected_stream,
                                                 const StreamNeeds& needs);

// What a template resolves to, as a subject with wildcards: a token with a placeholder in it becomes '*'.
[[nodiscard]] std::string WildcardOf(std::string_view subject_template);

// Does every subject that `wanted` stands for match `pattern`?
[[nodiscard]] bool Covers(std::string_view pattern, std::string_view wanted);

}  // namespace jammi::events
