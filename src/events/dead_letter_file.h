// One dead letter: its name and its text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "jammi/clock.h"
#include "jammi/events/event.h"
#include "jammi/result.h"

namespace jammi::events {

// "<unix-ms>-<id>.jsonl", the id at most 200 bytes and made of A-Z a-z 0-9 . _ - only; for `clash` > 0
// "<unix-ms>-<id>-<clash>.jsonl".
[[nodiscard]] std::string DeadLetterName(int64_t unix_ms, std::string_view id, uint32_t clash);
// The time of such a name; nullopt: it is none.
[[nodiscard]] std::optional<int64_t> DeadLetterTime(std::string_view name);

// {"error":"event sink: <error>","event":{...}} and a line end; credentials of addresses are cut from
// `error`. Errors: kInvalidEvent: the event cannot be read again.
[[nodiscard]] Result<std::string> DeadLetterText(const Event& event, std::string_view error);
// Errors: kInvalidEvent: it is no such text, or its event is invalid.
[[nodiscard]] Result<Event> ParseDeadLetter(std::string_view text);

}  // namespace jammi::events
