#include "torture/storm.h"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

namespace jammi::test {

using std::chrono::milliseconds;

void Storm::Rage(milliseconds time, milliseconds pause, const std::function<bool()>& watch) {
  const auto end = Clock::now() + time;
  while (Clock::now() < end) {
    const auto next = Clock::now() + milliseconds(random_.Below(static_cast<uint64_t>(pause.count()) + 1));
    while (Clock::now() < std::min(next, end)) {
      EndDue();
      if (watch()) return;
      std::this_thread::sleep_for(milliseconds(5));
    }
    if (State* state = Pick()) Begin(*state);
  }
}

void Storm::Strike(const std::string& name) {
  const auto found = std::ranges::find(faults_, name, [](const State& state) { return state.fault.name; });
  if (found != faults_.end() && !found->active) Begin(*found);
}

void Storm::EndAll() {
  for (State& state : faults_) {
    if (state.active) End(state);
  }
}

void Storm::EndDue() {
  for (State& state : faults_) {
    if (state.active && Clock::now() >= state.until) End(state);
  }
}

Storm::State* Storm::Pick() {
  uint64_t weights = 0;
  for (const State& state : faults_) weights += state.active ? 0 : state.fault.weight;
  if (weights == 0) return nullptr;
  uint64_t at = random_.Below(weights);
  for (State& state : faults_) {
    if (state.active) continue;
    if (at < state.fault.weight) return &state;
    at -= state.fault.weight;
  }
  return nullptr;
}

void Storm::Begin(State& state) {
  const std::string what = state.fault.begin(random_);
  if (what.empty()) return;
  ++counts_[state.fault.name];
  Tell(fmt::format("{}: {}", state.fault.name, what));
  if (!state.fault.end) return;
  state.active = true;
  // Mostly short, now and then as long as it may be.
  const auto longest = static_cast<uint64_t>(state.fault.longest.count());
  state.until = Clock::now() + milliseconds(random_.Percent(70) ? random_.Below(longest / 5 + 1)
                                                                : random_.Below(longest + 1));
}

void Storm::End(State& state) {
  state.fault.end();
  state.active = false;
  Tell(fmt::format("{}: over", state.fault.name));
}

uint64_t Storm::count() const {
  uint64_t sum = 0;
  for (const auto& [name, count] : counts_) sum += count;
  return sum;
}

void Storm::Tell(const std::string& what) {
  const auto at = std::chrono::duration_cast<milliseconds>(Clock::now() - began_).count();
  story_.push_back(fmt::format("{}.{:03} {}", at / 1000, at % 1000, what));
}

}  // namespace jammi::test
