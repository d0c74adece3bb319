// A torture run: storms of faults; after each a calm, in which everybody must catch up, and drips: a few
// events, and another calm, because a lost wake-up shows only where no later event repeats it; the verdict.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "torture/company.h"
#include "torture/control.h"
#include "torture/storm.h"

namespace jammi::test {

struct RunOptions {
  std::string title;
  uint64_t seed = 0;
  uint64_t seconds = 15;   // of storms and calms
  uint64_t patience = 60;  // seconds, in a calm
  Place place;             // where the log is read at the end, past all that breaks
  // A fault that often comes last before a calm: who hears nothing then must find out by himself.
  std::string parting;
};

// JAMMI_TORTURE_SEED, _SECONDS and _PATIENCE, or what `options` holds.
[[nodiscard]] RunOptions FromTheEnvironment(RunOptions options);

// The faults that befall any process.
void AddProcessFaults(Storm& storm, Company& company);
void AddClockFault(Storm& storm, Control& control);

struct Verdict {
  std::vector<std::string> problems;  // empty: nothing is wrong
  std::string figures;
  std::vector<std::string> story;  // the faults
};
// All parts of the company are started, and dismissed.
[[nodiscard]] Verdict RunTorture(const RunOptions& options, Company& company, Storm& storm, Control& control);

// Prints the figures; fails the test with the problems, and then tells the story.
void Report(const RunOptions& options, const Verdict& verdict);

}  // namespace jammi::test
