// What a process of the torture test is told to follow.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "torture/events.h"

namespace jammi::test {

// The named consumers, which all processes want to read for.
struct PlannedConsumer {
  std::string_view name;
  std::string_view topic;
  Who who;
  size_t predicate;
};
inline constexpr std::array<PlannedConsumer, 3> kConsumers{
    {{"of-open", "open", 1, 0}, {"of-shared", "shared", 0, 2}, {"of-second", "second's", 2, 1}}};

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
// Events that it is to publish, of one producer key if that is asked for: the first event's.
struct PublishOrder {
  std::string topic;
  Who who = 0;
  std::vector<std::string> keys;

  bool operator==(const PublishOrder&) const = default;
};

std::string ToText(const CursorOrder& order);
std::string ToText(const PublishOrder& order);
PublishOrder PublishOrderOf(const std::string& text);
CursorOrder CursorOrderOf(const std::string& text);  // REQUIRES: a text that ToText() made

}  // namespace jammi::test
