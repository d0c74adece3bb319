// Times as they stand in signed bytes and in JSON: RFC 3339, UTC, "Z".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "jammi/clock.h"

namespace jammi {

// Years 0000 to 9999.
[[nodiscard]] bool HasTimeText(UnixMicros time);

enum class TimeFraction : uint8_t {
  kNone,      // cut off, towards the past
  kMicros,    // six digits
  kShortest,  // none, three or six
};
// REQUIRES: HasTimeText(time).
void AppendTime(UnixMicros time, TimeFraction fraction, std::string& out);

// With 0 to 9 digits of a second's fraction, of which six count. nullopt: it is none.
[[nodiscard]] std::optional<UnixMicros> ParseTime(std::string_view text);

}  // namespace jammi
