#include "command_line/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/printable.h"
#include "base/text.h"

namespace jammi {
namespace {

std::string MoreInformation(std::string_view path) {
  return fmt::format("Run {} --help for more information.\n", path);
}

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
    return fmt::format("{}: there is no option {}{}\n", path, Printable(name),
                       DidYouMean(name, OptionNames(command)));
  }
  const auto commands = CommandNames(command);
  if (commands.empty()) return fmt::format("{}: '{}' was not expected\n", path, Printable(given));
  return fmt::format("{}: there is no command '{}'{}\n", path, Printable(given), DidYouMean(given, commands));
}

// Of `--version 1` and `--version=1` behind a command: who writes that means an option of the command.
std::optional<std::string> VersionWithValue(const CLI::App& program, int argc, const char* const* argv) {
  const auto chosen = program.get_subcommands();
  bool behind = false;
  for (int i = 1; i < argc && !chosen.empty(); ++i) {
    const std::string_view argument = argv[i];
    const bool alone = argument == "--version";
    const bool value = alone ? i + 1 < argc && *argv[i + 1] != '-' : argument.starts_with("--version=");
    if (behind && value) {
      std::string path;
      const CLI::App* command = Chosen(&program, path);
      const auto names = OptionNames(command);
      const auto meant = std::ranges::find_if(
          names, [](const std::string& name) { return name != "--version" && name.ends_with("-version"); });
      return fmt::format("{}: --version prints the program's version, and takes no value{}\n", path,
                         meant == names.end() ? "" : fmt::format("; did you mean {}?", *meant));
    }
    behind = behind || chosen.front()->check_name(std::string(argument));
  }
  return std::nullopt;
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
  return fmt::format("{}: {}\n", path, Printable(what));
}

}  // namespace

std::optional<int> ParseCommandLine(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                                    std::ostream& err) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    const auto misread =
        error.get_name() == "CallForVersion" ? VersionWithValue(app, argc, argv) : std::nullopt;
    // Help and version are answers, and CLI11 prints them.
    if (error.get_exit_code() == 0 && !misread) return app.exit(error, out, err);
    const auto left = app.remaining(true);
    std::string path;
    Chosen(&app, path);
    err << (misread        ? *misread
            : left.empty() ? Refusal(app, error)
                           : Unexpected(app, left.front()))
        << MoreInformation(path);
    return kWrongUsage;
  }
}

std::optional<int> RefuseOtherThanUtf8(const CLI::App& app, std::ostream& err) {
  const auto wrong = [](const CLI::Option* option) {
    return !std::ranges::all_of(option->results(), [](const std::string& text) { return IsValidUtf8(text); });
  };
  std::string path;
  Chosen(&app, path);
  for (const CLI::App* one = &app; one != nullptr;) {
    const auto options = one->get_options();
    if (const auto found = std::ranges::find_if(options, wrong); found != options.end()) {
      err << fmt::format("{}: {} is not UTF-8\n", path, (*found)->get_name()) << MoreInformation(path);
      return kWrongUsage;
    }
    const auto inner = one->get_subcommands();
    one = inner.empty() ? nullptr : inner.front();
  }
  return std::nullopt;
}

}  // namespace jammi
