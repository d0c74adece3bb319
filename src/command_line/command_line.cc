#include "command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace jammi {
namespace {

// The command that the arguments have chosen, as far as they were understood: "jammi catalog".
const CLI::App* Chosen(const CLI::App* app, std::string& path) {
  path = app->get_name();
  for (auto inner = app->get_subcommands(); !inner.empty(); inner = app->get_subcommands()) {
    app = inner.front();
    path += " " + app->get_name();
  }
  return app;
}

// Also those of the commands that it is part of, if it takes them.
std::vector<std::string> OptionNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* one = app; one != nullptr;
       one = one->get_fallthrough() ? one->get_parent() : nullptr) {
    for (const CLI::Option* option : one->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

std::vector<std::string> CommandNames(const CLI::App* app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app->get_subcommands(nullptr)) names.push_back(command->get_name());
  return names;
}

std::string DidYouMean(std::string_view given, const std::vector<std::string>& names) {
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string nearest = Nearest(given, views);
  return nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest);
}

std::string Unexpected(const CLI::App& program, const std::string& given) {
  std::string path;
  const CLI::App* command = Chosen(&program, path);
  if (given.starts_with("-")) {
    const std::string name = given.substr(0, given.find('='));
    // It was met before the command that has it.
    if (const auto known = OptionNames(command); std::ranges::find(known, name) != known.end())
      return fmt::format("{}: {} stands behind the command: {} {} ...\n", path, name, path, name);
    return fmt::format("{}: there is no option {}{}\n", path, name, DidYouMean(name, OptionNames(command)));
  }
  const auto commands = CommandNames(command);
  if (commands.empty()) return fmt::format("{}: '{}' was not expected\n", path, given);
  return fmt::format("{}: there is no command '{}'{}\n", path, given, DidYouMean(given, commands));
}

// What CLI11 says, as a sentence of ours where its own needs knowledge of it.
std::string Refusal(const CLI::App& program, const CLI::ParseError& error) {
  std::string path;
  const CLI::App* command = Chosen(&program, path);
  std::string what = error.what();
  if (const auto commands = CommandNames(command);
      error.get_name() == "RequiredError" && !commands.empty() && what.starts_with("A subcommand")) {
    what = fmt::format("a command is wanted: {}", fmt::join(commands, ", "));
  } else if (error.get_name() == "ArgumentMismatch" && what.ends_with("missing")) {
    what = fmt::format("{} wants a value", what.substr(0, what.find(':')));
  } else if (constexpr std::string_view kUnfit = "Could not convert: "; what.starts_with(kUnfit)) {
    what = fmt::format("this value does not fit: {}", what.substr(kUnfit.size()));
  }
  return fmt::format("{}: {}\n", path, what);
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                                    std::ostream& err) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    // Help and version are answers, and CLI11 prints them.
    if (error.get_exit_code() == 0) return app.exit(error, out, err);
    const auto left = app.remaining(true);
    std::string path;
    Chosen(&app, path);
    err << (left.empty() ? Refusal(app, error) : Unexpected(app, left.front()))
        << fmt::format("Run {} --help for more information.\n", path);
    return kWrongUsage;
  }
}

}  // namespace jammi
