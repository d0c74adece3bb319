// What every backend says alike.
#pragma once

#include <string_view>

#include "jammi/error.h"

namespace jammi {

// The code that follows from a fault.
[[nodiscard]] ErrorCode CodeOf(BackendFault fault);

// Does the error come from the database, with this fault or this code of its own?
[[nodiscard]] bool HasFault(const Error& error, BackendFault fault);
[[nodiscard]] bool HasNativeCode(const Error& error, std::string_view code);

// The topic has no head: it was dropped, or never was.
[[nodiscard]] Error NoSuchTopic(int64_t topic_no);

// COMMIT failed in a way that leaves open whether it happened; `error` says how it failed.
[[nodiscard]] Error OutcomeUnknown(const Error& error);

}  // namespace jammi
