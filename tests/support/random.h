// Random numbers that can be had again: each test takes its seed from the environment or a default and
// names it when it fails.
#pragma once

#include <cstdint>
#include <string>

namespace jammi::test {

// SplitMix64: equal seeds give equal numbers on every machine. Not thread-safe; one per thread.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // A number below `bound`. REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound) { return Next() % bound; }
  // True `percent` times in a hundred.
  bool Percent(uint64_t percent) { return Below(100) < percent; }
  // A generator of its own, for a thread or a step.
  Random Fork() { return Random(Next()); }

 private:
  uint64_t state_;
};

// The number in environment variable `name`, else `otherwise`. Ends the program if it is no number: a
// replay of the wrong seed proves nothing.
uint64_t FromEnvironment(const char* name, uint64_t otherwise);

// "JAMMI_CRASH_SEED=17": what to set to see this run again; for SCOPED_TRACE.
std::string Replay(const char* name, uint64_t seed);

}  // namespace jammi::test
