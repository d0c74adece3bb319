// Holds the log and every delivery of a torture run against what its processes had asked for and what was
// acknowledged to them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "torture/history.h"

namespace jammi::test {

struct LoggedEvent {
  Who publisher = 0;
  std::string key;
  uint64_t digest = 0;  // of all its rows
};
// By topic: the events at offsets 0, 1, 2, ... Below the low water an event without a key is one that nobody
// knows.
using Log = std::map<std::string, std::vector<LoggedEvent>>;
// By topic: the first offset that can be read; absent: 0.
using LowWater = std::map<std::string, uint64_t>;

struct Assembled {
  Log log;
  LowWater low_water;
  std::vector<std::string> problems;
};
// Puts the log together from what readers of every scope were given when all was over. Right is: two who see
// an event see the same one; there is no offset that nobody sees, from the low water on; all come to the same
// end.
[[nodiscard]] Assembled AssembleLog(const std::vector<Attachment>& readers);

// What is wrong, one sentence each; empty = nothing. Right is:
// * an acknowledged event is in the log, at its offset, with its bytes and its publisher's scope;
// * one that was refused is not, one without an answer or with an unknown outcome may be; events that were
//   published together are there together, or not; none is there twice, and no other is there;
// * an event that was asked for after another of its topic was acknowledged lies behind it;
// * an attachment of a cursor was given, from where it started, each event that its scope sees and of which
//   its predicate selects a row: exactly these rows, once, in order, and nothing else; if it ended, all of
//   those below its position;
// * a cursor that is attached again goes on where it was;
// * a named consumer, which begins at offset 0, goes on with the first event for it that nobody asked to be
//   acknowledged, or before it; and not before what was acknowledged;
// * only topics that do not keep all have a low water, and what they keep lies above it; below it the same
//   holds of what was acknowledged and what was delivered; nobody is told that something was trimmed that was
//   not, and who is told goes on at the place that he was told;
// * a topic's life ends when it was asked to be dropped, and not otherwise: then its streams end, publishes
// to it
//   are refused, and of its events the same holds as of trimmed ones; none lies in another life.
[[nodiscard]] std::vector<std::string> Judge(const History& history, const Log& log,
                                             const LowWater& low_water = {});

// The cursors among `cursors` that have not passed all that is acknowledged, or do not know that their topic
// was dropped, one sentence each.
[[nodiscard]] std::vector<std::string> Lagging(const History& history,
                                               const std::vector<std::string>& cursors);

}  // namespace jammi::test
