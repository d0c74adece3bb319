// A program that a test starts, listens to and kills.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace jammi::test {

// One thread may read while another does all the rest. Destroying it kills the program if it still runs.
class ChildProcess {
 public:
  // Starts `arguments[0]` with its standard output on a pipe to ReadLine(); the rest is inherited.
  // Throws std::system_error when it cannot be started.
  explicit ChildProcess(const std::vector<std::string>& arguments);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The next line, without its end; waits for it. nullopt: there is no more. What a program wrote before
  // it was killed is still there; a last line without an end is dropped.
  std::optional<std::string> ReadLine();

  // SIGKILL: it gets no chance to do anything more.
  void Kill();
  // Any other signal; nothing happens to a program that has been waited for.
  void Signal(int number);

  [[nodiscard]] pid_t pid() const { return pid_; }

  // Waits for its end. Its exit code, or minus the number of the signal that ended it.
  int Wait();

 private:
  pid_t pid_ = -1;
  int output_ = -1;
  std::string buffered_;
  std::optional<int> status_;
};

}  // namespace jammi::test
