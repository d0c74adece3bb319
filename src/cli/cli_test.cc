// Runs the built program and reads what it says.
#include <gmock/gmock.h>

#include "cli/cli_fixture.h"

namespace jammi {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(Cli, VersionAndHelp) {
  const auto version = Run({"--version"});
  EXPECT_EQ(version.exit, 0);
  EXPECT_EQ(version.out, "jammi " JAMMI_VERSION "\n");
  const auto help = Run({"--help"});
  EXPECT_EQ(help.exit, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("Examples:"), HasSubstr("Exit status:"), HasSubstr("config")));
  EXPECT_THAT(Run({"config", "check", "--help"}).out,
              HasSubstr("jammi config check --config /etc/jammi.toml"));
}

// Every group, and `token new`, used to end with the examples of the program.
TEST_F(Cli, ExamplesOfTheProgramAreInItsOwnHelp) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"config", "--help"},
                                                    {"token", "--help"},
                                                    {"token", "new", "--help"},
                                                    {"config", "docs", "--help"},
                                                    {"completion", "bash", "--help"}}) {
    const auto help = Run(arguments);
    EXPECT_EQ(help.exit, 0);
    EXPECT_THAT(help.out, Not(HasSubstr("jammi publish quakes"))) << arguments[0];
  }
  EXPECT_THAT(Run({"token", "new", "--help"}).out, HasSubstr("  jammi token new --principal"));
}

TEST_F(Cli, Cli003WithoutACommandThereIsHelp) {
  const auto run = Run({});
  EXPECT_EQ(run.exit, 0);
  EXPECT_EQ(run.out, Run({"--help"}).out);
  EXPECT_EQ(run.err, "");
}

TEST_F(Cli, WrongUsageIsTwoAndOnTheErrorStream) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"confg"},
                                                    {"config"},
                                                    {"config", "chek"},
                                                    {"config", "check", "--confg", "x"},
                                                    {"config", "check", "extra"},
                                                    {"config", "show", "--output", "xml"},
                                                    {"config", "check", "--config"}}) {
    const auto run = Run(arguments);
    EXPECT_EQ(run.exit, 2) << run.out << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_NE(run.err, "");
  }
}

TEST_F(Cli, CheckWithoutAFile) {
  const auto run = Run({"config", "check"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_EQ(run.out,
            "checked: no file (every setting has its default)\n"
            "settings from the file: 0, from the environment: 0\n"
            "ok\n");
  EXPECT_EQ(run.err, "");
}

TEST_F(Cli, CheckSaysWhatIsSetAndNotUsed) {
  Write("jammi.toml", "[fine_tuning]\ndefault_epochs = 5\n");
  const auto run = Run({"config", "check"}, {"JAMMI_TRIGGER__PAGE_EVENTS=7"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_EQ(run.out,
            "checked: " + (directory_ / "jammi.toml").string() +
                "\n"
                "settings from the file: 1, from the environment: 1\n"
                "warning: jammi.toml:2:18: fine_tuning.default_epochs is set but not used by this version\n"
                "ok\n");
  EXPECT_EQ(run.err, "");
}

TEST_F(Cli, CheckReportsEveryErrorWithItsPlace) {
  Write("other.toml", "[catalog]\nkind = \"sqlite\"\npaht = \"/x\"\n[trigger]\npage_events = 0\n");
  const auto run = Run({"config", "check", "--config", "other.toml"}, {"JAMMI_ENGINE__BATCH_SIZE=many"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(
      run.err,
      "Error: other.toml:3:1: catalog.paht: unknown key; did you mean 'catalog.path'?\n"
      "Error: other.toml:5:15: trigger.page_events: must be 1 to 1000000, and is 0\n"
      "Error: environment variable JAMMI_ENGINE__BATCH_SIZE: engine.batch_size: expected a whole number\n");
}

TEST_F(Cli, Cfg002CheckNeedsTheFileItIsGiven) {
  for (const auto* path : {"gone.toml", ""}) {
    const auto run = Run({"config", "check", "--config", path});
    EXPECT_EQ(run.exit, 1) << path;
    EXPECT_THAT(run.err, StartsWith("Error: configuration file"));
  }
}

TEST_F(Cli, Cfg031CheckRefusesWhatThisBuildCannotDo) {
  const auto run = Run({"config", "check", "--config", JAMMI_EXAMPLES "/sample-postgres.toml"},
                       {"POSTGRES_URL=postgres://jammi:hunter2@db:5432/jammi", "NATS_HOST=nats.example"});
  EXPECT_THAT(run.err + run.out, Not(HasSubstr("hunter2")));
#if defined(JAMMI_HAS_NATS) && defined(JAMMI_HAS_POSTGRES)
  EXPECT_EQ(run.exit, 0) << run.err;
#else
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(run.err, HasSubstr(".kind = "));
#endif
}

TEST_F(Cli, ShowSaysWhereEachValueIsFrom) {
  Write("jammi.toml", "artifact_dir = \"/data\"\n[trigger]\npage_bytes = \"2MiB\"\n");
  const auto run = Run({"config", "show"}, {"JAMMI_TRIGGER__PAGE_EVENTS=7"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_THAT(run.out, StartsWith("# From " + (directory_ / "jammi.toml").string() +
                                  " and the environment.\n"
                                  "artifact_dir = \"/data\"  # jammi.toml:1:16\n"
                                  "\n"
                                  "[catalog]\n"
                                  "kind = \"sqlite\"  # default\n"
                                  "# path is not set\n"
                                  "synchronous = \"full\"  # default\n"));
  EXPECT_THAT(run.out, HasSubstr("\n[trigger]\n"
                                 "ring_bytes = \"8MiB\"  # default\n"
                                 "page_bytes = \"2MiB\"  # jammi.toml:3:14\n"
                                 "page_events = 7  # environment variable JAMMI_TRIGGER__PAGE_EVENTS\n"));
  EXPECT_EQ(run.err, "");
}

TEST_F(Cli, ShowHidesSecretsAndWarnsOnTheErrorStream) {
  Write("jammi.toml", "[catalog]\nkind = \"postgres\"\nurl = \"${PG}\"\n[gpu]\ndevice = 1\n");
  for (const auto* form : {"toml", "json"}) {
    const auto run = Run({"config", "show", "--output", form}, {"PG=postgres://u:hunter2@h/d"});
    EXPECT_EQ(run.exit, 0);
    EXPECT_THAT(run.out + run.err, AllOf(HasSubstr("[secret]"), Not(HasSubstr("hunter2")),
                                         HasSubstr("gpu.device is set but not used by this version")));
  }
  EXPECT_THAT(Run({"config", "show"}, {"PG=postgres://h"}).err,
              StartsWith("warning: jammi.toml:5:10: gpu.device"));
}

TEST_F(Cli, DocsPrintsThePage) {
  const auto run = Run({"config", "docs"});
  EXPECT_EQ(run.exit, 0);
  EXPECT_THAT(run.out, StartsWith("# Configuration\n"));
}

TEST_F(Cli, AnOutputThatCannotBeWrittenIsAFailure) {
  std::filesystem::create_symlink("/dev/full", directory_ / "full");
  const auto run = Run({"config", "docs"}, {}, "full");
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(run.err, StartsWith("Error: cannot write the output"));
}

}  // namespace
}  // namespace jammi
