// What a process of the torture test is told to follow.
#pragma once

#include <cstdint>
#include <string>

#include "torture/events.h"

namespace jammi::test {

struct CursorOrder {
  enum class Start : uint8_t { kOffset, kNewest, kRecent };  // kRecent: by the time, some seconds ago
  std::string cursor;
  std::string topic;
  Who who = 0;
  size_t predicate = 0;
  Start start = Start::kOffset;
  uint64_t offset = 0;

  bool operator==(const CursorOrder&) const = default;
};
std::string ToText(const CursorOrder& order);
CursorOrder CursorOrderOf(const std::string& text);  // REQUIRES: a text that ToText() made

}  // namespace jammi::test
