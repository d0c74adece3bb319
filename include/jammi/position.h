// A place in a topic's log, as a value to be stored anywhere and to go on from later: From::Position.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "jammi/ids.h"
#include "jammi/result.h"

namespace jammi {

// Between two events: those below `offset` lie behind it. It counts in one topic and in one history of the
// catalog, its incarnation: after a backup was opened the same offset may be another event, and who comes
// with the position is told so.
struct Position {
  Uuid incarnation;       // nil: of a driver used alone, whose offsets belong to no catalog
  TopicId topic{Uuid{}};  //
  uint64_t offset = 0;    // of the next event

  // The same, behind the event of that offset.
  [[nodiscard]] Position After(uint64_t event_offset) const { return {incarnation, topic, event_offset + 1}; }

  // An opaque token of letters, digits and hyphens; it carries a checksum.
  [[nodiscard]] std::string ToString() const;
  // Errors: kInvalidArgument for text that ToString() has not given.
  [[nodiscard]] static Result<Position> Parse(std::string_view text);

  bool operator==(const Position&) const = default;
};

}  // namespace jammi
