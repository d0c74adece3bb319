// What the commands of `jammi` share. Each command is a file of its own: it adds its subcommands and
// options to the program in one function, which is listed in cli.cc.
#pragma once

#include <functional>
#include <iosfwd>

#include "command_line/error_text.h"
#include "jammi/error.h"

namespace CLI {
class App;
}

namespace jammi {

// The exit codes of what was understood; the rest is kWrongUsage.
enum class Exit : int {
  kDone = 0,
  kFailed = 1,  // what was asked failed; the reason is on the error stream
};

// Says why on the error stream.
inline Exit Fail(std::ostream& err, const Error& error) {
  PrintError(err, error.message());
  return Exit::kFailed;
}

struct Program {
  std::ostream& out;
  std::ostream& err;
  // What the command line asks for: a command sets it when it is chosen, and it runs after parsing.
  std::function<Exit()> action;
};

// `jammi catalog status|check|migrate|backup|new-incarnation|copy`
void AddCatalogCommand(CLI::App& app, Program& program);
// `jammi config check|show|docs`
void AddConfigCommand(CLI::App& app, Program& program);
// `jammi token new`
void AddTokenCommand(CLI::App& app, Program& program);
// `jammi completion bash|zsh|fish`: of all commands that `app` has when it runs.
void AddCompletionCommand(CLI::App& app, Program& program);

}  // namespace jammi
