// Kills a program that publishes, at a random moment, again and again over the same database, and holds
// the database against what the program had said until then. (What a kill cannot prove, the power loss
// test does: what a process has written stays in the page cache.)
//
//   JAMMI_CRASH_SEED=7   other moments
//   JAMMI_KILLS=1000     so many kills
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cctype>
#include <memory>
#include <string>

#include "crash/ledger.h"
#include "crash/system.h"
#include "crash/verdict.h"
#include "support/child_process.h"
#include "support/random.h"
#include "support/temp_dir.h"

namespace jammi::test {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kKills = 12;
#else
constexpr uint64_t kKills = 60;
#endif
constexpr int kSteps = 30;
// Its own limit: the log grows with every kill, and each judgement reads it whole.
constexpr int kKillsPerDatabase = 20;

class Killing {
 public:
  // Runs the program and kills it after `lines` lines, or lets it end. What it said goes into the ledger.
  // Returns false for a program that ended by itself.
  // Three runs after each other publish the same under producer keys.
  bool RunAndKill(const std::string& name, uint64_t seed, uint64_t lines) {
    const std::string once = fmt::format("once{}", runs_++ / 3);
    ChildProcess child({JAMMI_KILL_CHILD, path_, name, std::to_string(seed), std::to_string(kSteps), once});
    while (const auto line = child.ReadLine()) {
      if (line->starts_with("error")) ADD_FAILURE() << name << ": " << *line;
      last_line_ = *line;
      ++said_;
      if (std::isdigit(line->front())) ledger_->Add(FromLine(*line));
      if (lines > 0 && --lines == 0) child.Kill();
    }
    return child.Wait() == -SIGKILL;
  }

  // Opens the database here, beside the dead program's lock file, and judges it. All that is there is
  // taken for acknowledged from now on: it was seen.
  void Judge(const std::string& name) {
    auto system = System::Open({.path = path_});
    ASSERT_TRUE(system) << name << ": " << system.error().ToString();
    const auto contents = (*system)->ReadAll();
    ASSERT_TRUE(contents) << name << ": " << contents.error().ToString();
    for (const std::string& problem : test::Judge(*contents, ledger_->entries(), ledger_->length())) {
      ADD_FAILURE() << name << ": " << problem;
    }
    ledger_ = std::make_unique<Ledger>();
    BeginWith(*contents, *ledger_);
    (*system)->Close();
  }

  [[nodiscard]] const std::string& last_line() const { return last_line_; }
  [[nodiscard]] uint64_t said() const { return said_; }  // lines, of all runs

 private:
  const TempDir directory_;
  const std::string path_ = directory_ / "catalog.db";
  std::unique_ptr<Ledger> ledger_ = std::make_unique<Ledger>();
  std::string last_line_;
  uint64_t said_ = 0;
  int runs_ = 0;
};

TEST(KillTest, NothingAcknowledgedIsLost) {
  const uint64_t seed = FromEnvironment("JAMMI_CRASH_SEED", 1);
  const uint64_t wanted = FromEnvironment("JAMMI_KILLS", kKills);
  SCOPED_TRACE(Replay("JAMMI_CRASH_SEED", seed));
  Random random(seed);
  auto killing = std::make_unique<Killing>();
  ASSERT_FALSE(killing->RunAndKill("whole", random.Next(), 0));
  const uint64_t lines = killing->said();  // of a program that nobody kills
  uint64_t killed = 0;
  for (uint64_t run = 0; killed < wanted && !testing::Test::HasFailure(); ++run) {
    ASSERT_LT(run, 3 * wanted) << "too few of the programs could be killed";
    if (run % kKillsPerDatabase == 0) killing = std::make_unique<Killing>();
    const std::string name = fmt::format("k{}", run);
    // Opening and creating is a moment of its own: every fourth program dies within its first lines.
    const uint64_t moment = 1 + (random.Percent(25) ? random.Below(3) : random.Below(lines));
    killed += killing->RunAndKill(name, random.Next(), moment);
    killing->Judge(name);
  }
  fmt::print("{} kills\n", killed);
}

TEST(KillTest, ProgramThatNobodyKillsEnds) {
  Killing killing;
  EXPECT_FALSE(killing.RunAndKill("whole", 1, 0));
  EXPECT_EQ(killing.last_line(), "end");
  killing.Judge("whole");
}

}  // namespace
}  // namespace jammi::test
