// The scripts for shells know what the program knows.
#include <gmock/gmock.h>

#include "cli/cli_fixture.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class Completion : public test::ProgramTest {
 protected:
  Completion() : ProgramTest("/bin/bash") {}
  // What bash offers for the last of `words`.
  [[nodiscard]] std::string Offers(const std::string& words) const {
    const auto run =
        Run({"-c", "source <(" JAMMI_PROGRAM " completion bash); COMP_WORDS=(" + words +
                       "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _jammi; echo \"${COMPREPLY[@]}\""},
            {"PATH=/usr/bin:/bin"});
    EXPECT_EQ(run.exit, 0);
    EXPECT_EQ(run.err, "");
    return run.out;
  }
};

TEST_F(Completion, BashOffersCommandsOptionsAndValues) {
  EXPECT_EQ(Offers("jammi sub"), "subscribe\n");
  EXPECT_EQ(Offers("jammi trigger re"), "register retention\n");
  EXPECT_EQ(Offers("jammi tables cr"), "create\n");
  EXPECT_EQ(Offers("jammi --target grpc://h:1 trigger li"), "list\n");
  EXPECT_EQ(Offers("jammi subscribe quakes --output ''"), "table json arrow csv\n");
  EXPECT_EQ(Offers("jammi subscribe quakes --from ''"), "begin end\n");
  EXPECT_EQ(Offers("jammi subscribe quakes --wh"), "--where\n");
  EXPECT_EQ(Offers("jammi trigger list --tar"), "--target\n");
  EXPECT_EQ(Offers("jammi config check --tar"), "\n");  // it asks no server
  EXPECT_THAT(Offers("jammi ''"), AllOf(HasSubstr("catalog"), HasSubstr("publish"), HasSubstr("--target")));
}

TEST_F(Cli, CompletionForEveryShell) {
  EXPECT_THAT(Run({"completion", "zsh"}).out, AllOf(HasSubstr("bashcompinit"), HasSubstr("_jammi()")));
  const auto fish = Run({"completion", "fish"}).out;
  EXPECT_THAT(
      fish,
      AllOf(HasSubstr("complete -c jammi -n '__jammi_at jammi trigger' -a register -d 'Make a topic'\n"),
            HasSubstr("complete -c jammi -n '__jammi_at jammi subscribe' -l output "),
            HasSubstr(" -x -a 'table json arrow csv'\n"),
            Not(HasSubstr("'__jammi_at jammi config check' -l target"))));
  EXPECT_EQ(Run({"completion", "tcsh"}).exit, 2);
}

}  // namespace
}  // namespace jammi
