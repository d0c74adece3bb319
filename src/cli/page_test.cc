// docs/command-line.md: every example is run, in the page's order, and must print what stands there.
#include <gmock/gmock.h>

#include <fstream>

#include "cli/remote_fixture.h"

namespace jammi {
namespace {

struct Example {
  int line = 0;
  std::string command;
  std::string expected;
};

// The blocks that begin with ```console: a command behind "$ ", and what it prints until the next one.
std::vector<Example> Examples() {
  std::vector<Example> examples;
  std::ifstream page(JAMMI_COMMAND_LINE_PAGE);
  bool inside = false;
  int number = 0;
  for (std::string line; std::getline(page, line);) {
    ++number;
    if (line.starts_with("```")) {
      inside = line == "```console";
    } else if (inside && line.starts_with("$ ")) {
      examples.push_back({number, line.substr(2), ""});
    } else if (inside && !examples.empty()) {
      examples.back().expected += line + "\n";
    }
  }
  return examples;
}

TEST_F(RemoteCli, EveryExampleOfThePageDoesWhatItSays) {
  const Shell shell;
  const auto folder = std::filesystem::path(JAMMI_PROGRAM).parent_path().string();
  const auto examples = Examples();
  ASSERT_GT(examples.size(), 20U);
  for (const Example& example : examples) {
    const auto run = shell.Run(
        {"-c", "exec 2>&1\n" + example.command},
        {"PATH=" + folder + ":/usr/bin:/bin", "JAMMI_TARGET=" + Target(), "TENANT=" + std::string(kTenant)});
    // What depends on the build, and on the machine.
    const auto masked = [](const std::string& text) {
      return std::regex_replace(
          std::regex_replace(Masked(text), std::regex("answered in [0-9.]+ ms"), "answered"),
          std::regex("features: .*"), "features:");
    };
    EXPECT_EQ(masked(run.out), masked(example.expected))
        << JAMMI_COMMAND_LINE_PAGE ":" << example.line << ": " << example.command;
  }
}

}  // namespace
}  // namespace jammi
