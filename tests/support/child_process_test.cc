#include "support/child_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <system_error>

namespace jammi::test {
namespace {

TEST(ChildProcess, LinesAndExitCode) {
  ChildProcess child({"/bin/sh", "-c", "echo one; echo two; printf cut; exit 3"});
  EXPECT_EQ(child.ReadLine(), "one");
  EXPECT_EQ(child.ReadLine(), "two");
  EXPECT_EQ(child.ReadLine(), std::nullopt);
  EXPECT_EQ(child.Wait(), 3);
}

TEST(ChildProcess, WhatWasWrittenOutlivesAKill) {
  ChildProcess child({"/bin/sh", "-c", "echo before; exec sleep 1000"});
  EXPECT_EQ(child.ReadLine(), "before");
  child.Kill();
  EXPECT_EQ(child.ReadLine(), std::nullopt);
  EXPECT_EQ(child.Wait(), -SIGKILL);
}

TEST(ChildProcess, ASignalReachesIt) {
  ChildProcess child(
      {"/bin/sh", "-c", "trap 'echo told; exit 4' TERM; echo ready; while :; do sleep 0.01; done"});
  EXPECT_EQ(child.ReadLine(), "ready");
  child.Signal(SIGTERM);
  EXPECT_EQ(child.ReadLine(), "told");
  EXPECT_EQ(child.Wait(), 4);
  child.Signal(SIGTERM);  // to nobody
}

TEST(ChildProcess, MissingProgramIsNamed) {
  try {
    ChildProcess child({"/no/such/program"});
    FAIL() << "started";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/program"), std::string::npos);
  }
}

}  // namespace
}  // namespace jammi::test
