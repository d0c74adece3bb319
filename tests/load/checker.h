// Judges a run of the load test by what its processes wrote down and what the server has in the end.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "load/record.h"

namespace jammi::test {

// What each view has in the end, in the order of a replay: offset and event.
using LoadLog = std::array<std::vector<std::pair<uint64_t, EventId>>, kViews>;

struct SubscriberLife {
  std::vector<Record> records;
  bool killed = false;
};

struct LoadHistory {
  std::vector<Record> published;                // kAsk, kAcknowledge, of all publishers
  std::map<uint32_t, uint32_t> view_of_stream;  // all subscriptions there are
  // By child, its lives in their order; the last has reached the end.
  std::map<uint32_t, std::vector<SubscriberLife>> subscribers;
};

// What is wrong, at most a few of each kind; empty: nothing is lost, nothing is there twice, every stream is
// a piece of the log in its order, and no tenant has seen another's event.
std::vector<std::string> Judge(const LoadHistory& history, const LoadLog& log);

}  // namespace jammi::test
