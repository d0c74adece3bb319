// Faults at random moments, one upon another.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "support/random.h"

namespace jammi::test {

struct Fault {
  std::string name;
  uint64_t weight = 1;
  // Breaks something; says what. Empty: there is nothing to break now.
  std::function<std::string(Random&)> begin;
  // Mends it, after at most so long; empty: it is over at once.
  std::function<void()> end;
  std::chrono::milliseconds longest{0};
};

// Used by one thread.
class Storm {
 public:
  explicit Storm(uint64_t seed) : random_(seed) {}
  void Add(Fault fault) { faults_.push_back({.fault = std::move(fault)}); }

  // Breaks things for so long; between two faults `pause` at most. `watch` is called in between; true: stop.
  void Rage(std::chrono::milliseconds time, std::chrono::milliseconds pause,
            const std::function<bool()>& watch);
  // Breaks this one now.
  void Strike(const std::string& name);
  // Mends all that is broken.
  void EndAll();

  [[nodiscard]] uint64_t count() const;
  [[nodiscard]] const std::map<std::string, uint64_t>& counts() const { return counts_; }
  // Each fault with its moment, in seconds from the beginning.
  [[nodiscard]] const std::vector<std::string>& story() const { return story_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct State {
    Fault fault;
    bool active = false;
    Clock::time_point until{};
  };

  void Begin(State& state);
  void End(State& state);
  void EndDue();
  State* Pick();
  void Tell(const std::string& what);

  Random random_;
  const Clock::time_point began_ = Clock::now();
  std::vector<State> faults_;
  std::map<std::string, uint64_t> counts_;
  std::vector<std::string> story_;
};

}  // namespace jammi::test
