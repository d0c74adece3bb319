// What the commands of `evsink` share. Each command is a file of its own: it adds itself and its options to
// the program in one function, which is listed in evsink.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

#include "evsink/stop.h"
#include "jammi/environment.h"
#include "jammi/error.h"

namespace CLI {  // NOLINT(readability-identifier-naming): it is theirs
class App;
}

namespace jammi::evsink {

// The program's exit codes.
enum class Exit : int {
  kDone = 0,         // all delivered, all valid, ...
  kEventFailed = 1,  // at least one event
  kUsage = 2,        // wrong usage or configuration
  kNoConnection = 3,
  kNotVerified = 4,
  kStorage = 5,  // a file or the output could not be read or written
  kSpilled = 6,  // all are safe, and some of them on disk only
};
// The exit code of a program that could not begin, for this reason.
[[nodiscard]] Exit ExitOf(const Error& error);
// The worse of two.
[[nodiscard]] Exit Worse(Exit a, Exit b);

struct Program {
  int in;  // a file descriptor: reading from it must end when the program is told to stop
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal;
  bool err_is_terminal;
  const Environment& environment;
  const Stop& stop;
  // What the command line asks for: a command sets it when it is chosen, and it runs after parsing.
  std::function<Exit()> action;
};

// Says `error` on the error stream, and gives the exit code for it.
[[nodiscard]] Exit Fail(const Program& program, const Error& error);

// "FILE...": the events' files, standard input if there is none or for "-".
struct InputOptions {
  std::vector<std::string> files;
  bool quiet = false;
};
void AddInputOptions(CLI::App& command, InputOptions& input);

void AddBackoffCommand(CLI::App& app, Program& program);
void AddDoctorCommand(CLI::App& app, Program& program);
void AddEmitCommand(CLI::App& app, Program& program);
void AddRedactCommand(CLI::App& app, Program& program);
void AddReplayCommand(CLI::App& app, Program& program);
void AddSignCommand(CLI::App& app, Program& program);
void AddSubjectCommand(CLI::App& app, Program& program);
void AddValidateCommand(CLI::App& app, Program& program);
void AddVerifyCommand(CLI::App& app, Program& program);

}  // namespace jammi::evsink
