// Runs the built program and reads what it says.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace jammi {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

class Cli : public testing::Test {
 protected:
  Cli() {
    std::string pattern = (std::filesystem::temp_directory_path() / "jammi_cli_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~Cli() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, std::string_view text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string Read(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Runs `jammi <arguments>` in directory_, with these variables and no others but HOME.
  Outcome Run(std::vector<std::string> arguments, std::vector<std::string> variables = {},
              const char* out_path = "out") const {
    arguments.insert(arguments.begin(), "jammi");
    variables.push_back("HOME=/home/nobody");
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      for (auto& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    const auto out = directory_ / out_path;
    const auto err = directory_ / "err";
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, directory_.c_str());
    pid_t child = 0;
    const int spawned = posix_spawn(&child, JAMMI_PROGRAM, &actions, nullptr, pointers(arguments).data(),
                                    pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    EXPECT_EQ(spawned, 0);
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    return {WEXITSTATUS(status), Read("out"), Read("err")};
  }

  std::filesystem::path directory_;
};

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

TEST_F(Cli, WrongUsageIsTwoAndOnTheErrorStream) {
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{},
                                                    {"confg"},
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
  EXPECT_EQ(run.err,
            "other.toml:3:1: catalog.paht: unknown key; did you mean 'catalog.path'?\n"
            "other.toml:5:15: trigger.page_events: must be 1 to 1000000, and is 0\n"
            "environment variable JAMMI_ENGINE__BATCH_SIZE: engine.batch_size: expected a whole number\n");
}

TEST_F(Cli, Cfg002CheckNeedsTheFileItIsGiven) {
  for (const auto* path : {"gone.toml", ""}) {
    const auto run = Run({"config", "check", "--config", path});
    EXPECT_EQ(run.exit, 1) << path;
    EXPECT_THAT(run.err, StartsWith("configuration file"));
  }
}

TEST_F(Cli, Cfg031CheckRefusesWhatThisBuildCannotDo) {
  const auto run = Run({"config", "check", "--config", JAMMI_EXAMPLES "/sample-postgres.toml"},
                       {"POSTGRES_URL=postgres://jammi:hunter2@db:5432/jammi", "NATS_HOST=nats.example"});
  EXPECT_EQ(run.exit, 1);
  EXPECT_THAT(run.err, AllOf(HasSubstr("broker.kind = \"jet_stream\": "), Not(HasSubstr("hunter2"))));
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
  EXPECT_THAT(run.err, EndsWith("cannot write the output\n"));
}

}  // namespace
}  // namespace jammi
