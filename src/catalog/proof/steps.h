// The loop of a test that goes step by step, in which the databases and a model of them are in step.
#pragma once

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "support/random.h"

namespace jammi::proof {

// The environment variables that say how it goes.
struct StepNames {
  const char* seed;   // of the first run
  const char* seeds;  // runs, each of the seed before it and one more
  const char* steps;  // of a run
};

// `Worlds` is made of a seed; it has Step(), and Unseen(): what has never succeeded and should have.
template <class Worlds>
void RunSteps(const StepNames& names, uint64_t usual_steps) {
  const uint64_t first = test::FromEnvironment(names.seed, 1);
  const uint64_t seeds = test::FromEnvironment(names.seeds, 1);
  const uint64_t steps = test::FromEnvironment(names.steps, usual_steps);
  for (uint64_t seed = first; seed < first + seeds && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(test::Replay(names.seed, seed));
    Worlds worlds(seed);
    for (uint64_t step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE(fmt::format("step {}", step));
      worlds.Step();
    }
    EXPECT_THAT(worlds.Unseen(), testing::IsEmpty());
  }
}

}  // namespace jammi::proof
