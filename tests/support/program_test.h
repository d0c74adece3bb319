// A built program, run in a folder of a test's own.
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
#include <utility>
#include <vector>

namespace jammi::test {

struct Outcome {
  int exit = -1;
  std::string out;
  std::string err;
};

class ProgramTest : public testing::Test {
 protected:
  explicit ProgramTest(std::string program) : program_(std::move(program)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "jammi_program_XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~ProgramTest() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, std::string_view text) const {
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }
  [[nodiscard]] std::string Read(const std::string& name) const {
    std::ifstream file(directory_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Runs the program with `arguments` in directory_, with these variables and no others but HOME, and with
  // nothing on its standard input.
  Outcome Run(const std::vector<std::string>& arguments, const std::vector<std::string>& variables = {},
              const std::string& out_path = "out") const {
    return Finish(Start(arguments, variables, {.out = out_path}), "out", "err");
  }
  // The same with `input` on its standard input.
  Outcome RunWith(std::string_view input, const std::vector<std::string>& arguments,
                  const std::vector<std::string>& variables = {}) const {
    Write("in", input);
    return Finish(Start(arguments, variables, {.in = (directory_ / "in").string()}), "out", "err");
  }

  // The same in two parts, for programs that run at the same time. Paths are in directory_.
  struct Streams {
    std::string in = "/dev/null";
    std::string out = "out";
    std::string err = "err";
  };
  [[nodiscard]] pid_t Start(std::vector<std::string> arguments, std::vector<std::string> variables,
                            const Streams& streams) const {
    arguments.insert(arguments.begin(), std::filesystem::path(program_).filename());
    variables.push_back("HOME=/home/nobody");
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> all;
      for (auto& text : texts) all.push_back(text.data());
      all.push_back(nullptr);
      return all;
    };
    const auto in = directory_ / streams.in;
    const auto out = directory_ / streams.out;
    const auto err = directory_ / streams.err;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, in.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addchdir_np(&actions, directory_.c_str());
    pid_t child = 0;
    const int spawned = posix_spawn(&child, program_.c_str(), &actions, nullptr, pointers(arguments).data(),
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

  const std::string program_;
  std::filesystem::path directory_;
};

}  // namespace jammi::test
