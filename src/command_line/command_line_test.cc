#include "command_line/command_line.h"

#include <gmock/gmock.h>

#include <CLI/CLI.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace jammi {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

struct Answer {
  std::optional<int> exit;
  std::string out;
  std::string err;
};

Answer Parse(std::vector<const char*> arguments) {
  CLI::App app("A tool.", "tool");
  app.set_version_flag("--version", "tool 1", "Print the version");
  app.require_subcommand(1);
  auto* paint = app.add_subcommand("paint", "Paint it");
  std::string colour;
  paint->add_option("--colour", colour, "Which")->required();
  int coats = 1;
  paint->add_option("--coats", coats, "How many");
  std::string brand;
  paint->add_option("--brand-version", brand, "Of the brand");
  paint->fallthrough();
  paint->alias("colour");
  app.add_subcommand("sand", "Sand it")->fallthrough();
  arguments.insert(arguments.begin(), "tool");
  std::ostringstream out;
  std::ostringstream err;
  const auto exit = ParseCommandLine(app, static_cast<int>(arguments.size()), arguments.data(), out, err);
  return {exit, out.str(), err.str()};
}

TEST(CommandLine, WhatIsUnderstoodGoesOn) {
  const auto answer = Parse({"paint", "--colour", "red"});
  EXPECT_EQ(answer.exit, std::nullopt);
  EXPECT_EQ(answer.out + answer.err, "");
}

TEST(CommandLine, HelpAndVersionAreAnswers) {
  EXPECT_EQ(Parse({"--version"}).exit, 0);
  EXPECT_EQ(Parse({"--version"}).out, "tool 1\n");
  const auto help = Parse({"paint", "--help"});
  EXPECT_EQ(help.exit, 0);
  EXPECT_THAT(help.out, HasSubstr("--colour"));
  EXPECT_EQ(help.err, "");
}

// `models delete x --version 1` used to print the version, and delete nothing.
TEST(CommandLine, AVersionWithAValueBehindACommandIsAnotherOption) {
  for (const char* command : {"paint", "colour"}) {
    const auto answer = Parse({command, "--colour", "red", "--version", "1"});
    EXPECT_EQ(answer.exit, kWrongUsage);
    EXPECT_EQ(answer.out, "");
    EXPECT_EQ(answer.err,
              "tool paint: --version prints the program's version, and takes no value; did you mean "
              "--brand-version?\n"
              "Run tool paint --help for more information.\n");
  }
  EXPECT_EQ(Parse({"paint", "--version=1"}).exit, kWrongUsage);
  EXPECT_THAT(Parse({"sand", "--version", "1"}).err,
              StartsWith("tool sand: --version prints the program's version, and takes no value\n"));
  // It still stands before and behind a command (CLI-001).
  for (const std::vector<const char*>& arguments : {std::vector<const char*>{"--version", "paint"},
                                                    {"sand", "--version"},
                                                    {"paint", "--version", "--coats", "2"}}) {
    EXPECT_EQ(Parse(arguments).exit, 0);
    EXPECT_EQ(Parse(arguments).out, "tool 1\n");
  }
}

// What no message of protobuf can carry used to be told in protobuf's words.
TEST(CommandLine, AnArgumentThatIsNoUtf8IsNamed) {
  const auto refused = [](std::vector<const char*> arguments) {
    CLI::App app("A tool.", "tool");
    std::string text;
    app.add_option("--outer", text);
    auto* paint = app.add_subcommand("paint", "Paint it");
    paint->fallthrough();
    paint->add_option("--colour", text);
    paint->add_option("what", text);
    arguments.insert(arguments.begin(), "tool");
    std::ostringstream err;
    EXPECT_EQ(ParseCommandLine(app, static_cast<int>(arguments.size()), arguments.data(), err, err),
              std::nullopt);
    const auto exit = RefuseOtherThanUtf8(app, err);
    EXPECT_EQ(exit, err.str().empty() ? std::nullopt : std::optional(kWrongUsage));
    return err.str();
  };
  EXPECT_EQ(refused({"paint", "--colour", "r\u00f6t", "door"}), "");
  EXPECT_EQ(refused({"paint", "--colour", "r\xf6t"}),
            "tool paint: --colour is not UTF-8\nRun tool paint --help for more information.\n");
  EXPECT_THAT(refused({"paint", "--outer=r\xf6t"}), StartsWith("tool paint: --outer is not UTF-8\n"));
  EXPECT_THAT(refused({"paint", "d\xf6r"}), StartsWith("tool paint: what is not UTF-8\n"));
  EXPECT_THAT(Parse({"s\xf6nd\x1b"}).err, StartsWith("tool: there is no command 's\\xf6nd\\x1b'"));
}

TEST(CommandLine, AnOptionThatIsNotThereHasANeighbour) {
  const auto answer = Parse({"paint", "--color=red"});
  EXPECT_EQ(answer.exit, kWrongUsage);
  EXPECT_EQ(answer.out, "");
  EXPECT_EQ(answer.err,
            "tool paint: there is no option --color; did you mean --colour?\n"
            "Run tool paint --help for more information.\n");
  EXPECT_THAT(Parse({"paint", "--colour", "red", "--entirely-else"}).err,
              StartsWith("tool paint: there is no option --entirely-else\n"));
}

TEST(CommandLine, ACommandThatIsNotThereHasANeighbour) {
  EXPECT_THAT(Parse({"piant"}).err, StartsWith("tool: there is no command 'piant'; did you mean paint?\n"));
  EXPECT_THAT(Parse({"sand", "more"}).err, StartsWith("tool sand: 'more' was not expected\n"));
}

TEST(CommandLine, WhatIsMissingIsNamed) {
  const auto answer = Parse({"paint"});
  EXPECT_EQ(answer.exit, kWrongUsage);
  EXPECT_EQ(answer.err, "tool paint: --colour is required\nRun tool paint --help for more information.\n");
  EXPECT_EQ(Parse({}).exit, kWrongUsage);
  EXPECT_EQ(Parse({}).err, "tool: a command is wanted: paint, sand\nRun tool --help for more information.\n");
  EXPECT_THAT(Parse({"paint", "--colour"}).err, StartsWith("tool paint: --colour wants a value\n"));
  EXPECT_THAT(Parse({"paint", "--colour", "red", "--coats", "x"}).err,
              StartsWith("tool paint: this value does not fit: --coats = x\n"));
}

// It used to be: "there is no option --colour; did you mean --colour?"
TEST(CommandLine, AnOptionBeforeItsCommandIsToldItsPlace) {
  EXPECT_THAT(Parse({"--colour", "red", "paint"}).err,
              StartsWith("tool paint: --colour stands behind the command: tool paint --colour ...\n"));
}

}  // namespace
}  // namespace jammi
