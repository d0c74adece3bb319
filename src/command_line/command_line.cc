#include "command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
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
    return fmt::format("{}: there is no option {}{}\n", path, name, DidYouMean(name, OptionNames(command)));
  }
  const auto commands = CommandNames(command);
  if (commands.empty()) return fmt::format("{}: '{}' was not expected\n", path, given);
  return fmt::format("{}: there is no command '{}'{}\n", path, given, DidYouMean(given, commands));
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                                    std::ostream& err) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    // Help and version are answers, and CLI11 prints them.
    const auto left = app.remaining(true);
    if (error.get_exit_code() != 0 && !left.empty()) {
      std::string path;
      Chosen(&app, path);
      err << Unexpected(app, left.front()) << fmt::format("Run {} --help for more information.\n", path);
      return kWrongUsage;
    }
    return app.exit(error, out, err) == 0 ? 0 : kWrongUsage;
  }
}

}  // namespace jammi
