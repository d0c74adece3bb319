// What most commands do: take every event of the input, one after another.
#pragma once

#include <functional>

#include "command_line/progress.h"
#include "evsink/command.h"
#include "evsink/line_reader.h"
#include "jammi/events/event.h"
#include "jammi/result.h"

namespace jammi::evsink {

// Calls `each` with every line of the input and the event that it holds, or why it holds none; until the
// input ends, a stop is requested, or the output cannot be written. Returns the worst that `each` returned,
// or kStorage for what could not be read or written, which it says on the error stream.
using OnEvent = std::function<Exit(const Line& line, Result<events::Event> event)>;
// `before_waiting` is called each time that input may have to be waited for; false: the output is gone.
// Absent: the output is flushed, since nobody else uses it.
[[nodiscard]] Exit ForEachEvent(const Program& program, const InputOptions& input, const OnEvent& each,
                                const std::function<bool()>& before_waiting = nullptr);

}  // namespace jammi::evsink
