// The built program, run in a folder of a test's own.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace jammi {

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
  Outcome Run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {},
              const std::string& out_path = "out") const {
    return Finish(Start(arguments, variables, out_path, "err"), "out", "err");
  }

  // The same in two parts, for programs that run at the same time.
  [[nodiscard]] pid_t Start(std::vector<std::string> arguments, std::vector<std::string> variables,
                            const std::string& out_path, const std::string& err_path) const {
    arguments.insert(arguments.begin(), "jammi");
    variables.push_back("HOME=/home/nobody");
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      for (auto& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    const auto out = directory_ / out_path;
    const auto err = directory_ / err_path;
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
    return child;
  }
  [[nodiscard]] Outcome Finish(pid_t child, const std::string& out_path, const std::string& err_path) const {
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
    return {WEXITSTATUS(status), Read(out_path), Read(err_path)};
  }

  std::filesystem::path directory_;
};

}  // namespace jammi
