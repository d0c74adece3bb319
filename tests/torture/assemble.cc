// The log as its readers saw it.
#include <algorithm>
#include <utility>

#include "torture/checker.h"
#include "torture/problems.h"

namespace jammi::test {

Assembled AssembleLog(const std::vector<Attachment>& readers) {
  Problems problems;
  std::map<std::string, std::map<uint64_t, LoggedEvent>> seen;
  std::map<std::string, uint64_t> ends;
  LowWater low_water;
  for (const Attachment& reader : readers) {
    if (!reader.ended) {
      problems.Blame("the log of {} cannot be read as scope {}", reader.topic, reader.reader);
      continue;
    }
    uint64_t& low = low_water[reader.topic];
    low = std::max({low, reader.start, reader.evicted_to.value_or(0)});
    if (!reader.evicted_to) {
      const auto [end, is_first] = ends.emplace(reader.topic, *reader.ended);
      if (!is_first && end->second != *reader.ended) {
        problems.Blame("the log of {} ends at {} for one and at {} for another", reader.topic, end->second,
                       *reader.ended);
      }
    }
    auto& events = seen[reader.topic];
    for (const Got& got : reader.got) {
      const auto [event, is_new] =
          events.try_emplace(got.offset, LoggedEvent{got.publisher, got.key, got.digest});
      if (!is_new && (event->second.key != got.key || event->second.digest != got.digest)) {
        problems.Blame("{} at {}: {} for one, {} for another", reader.topic, got.offset, event->second.key,
                       got.key);
      }
    }
  }
  Assembled assembled;
  for (auto& [topic, end] : ends) {
    auto& events = assembled.log[topic];
    for (auto& [offset, event] : seen[topic]) {
      const uint64_t expected = std::max<uint64_t>(events.size(), low_water[topic]);
      if (offset > expected) problems.Blame("{} at {}: nobody sees an event there", topic, expected);
      if (offset != events.size()) events.resize(offset);
      events.push_back(std::move(event));
    }
    if (events.size() != end) {
      problems.Blame("{}: the log ends at {}, and its events at {}", topic, end, events.size());
    }
  }
  std::erase_if(low_water, [](const auto& each) { return each.second == 0; });
  assembled.low_water = std::move(low_water);
  assembled.problems = std::move(problems).Take();
  return assembled;
}

}  // namespace jammi::test
