// A whole process of the torture test: it opens an engine, publishes from several threads, follows topics
// with several cursors, and says each step to its voice before it goes on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "jammi/config.h"
#include "torture/following.h"
#include "torture/stage.h"

namespace jammi::test {

struct PlayerOptions {
  std::string name;  // of this process alone, without a space
  uint64_t seed = 0;
  Config config;
  int publishers = 0;  // threads
  int consumers = 0;   // threads for each named consumer
  std::vector<CursorOrder> cursors;
  std::vector<PublishOrder> again;  // with a producer key, until they are acknowledged
  bool read = false;                // replay the cursors up to the end of the log, and leave
};

// Plays until SIGTERM, which must be blocked in the process.
void Play(const PlayerOptions& options, const Control& control, const Voice& voice);

// Tries to open a catalog that another process has open, and says what came of it.
void Intrude(const PlayerOptions& options, const Control& control, const Voice& voice);

}  // namespace jammi::test
