// jammi config check|show|docs
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <sstream>
#include <string>

#include "cli/command.h"
#include "command_line/error_text.h"
#include "config/config_answers.h"
#include "config/report.h"
#include "jammi/config.h"

namespace jammi {
namespace {

struct ConfigArguments {
  std::string path;  // empty: the usual search
  bool path_given = false;
  std::string output = "toml";
};

LoadOptions Options(const ConfigArguments& arguments) {
  LoadOptions options;
  if (arguments.path_given) options.path = arguments.path;
  return options;
}

// Each line that is said of a failure is an error of its own; what else is said are warnings.
Exit TellAll(const Program& program, int code, std::istringstream said) {
  for (std::string line; std::getline(said, line);) {
    if (code == 0) {
      program.err << line << '\n';
    } else {
      PrintError(program.err, line);
    }
  }
  return Exit{code};
}

Exit CheckConfig(const Program& program, const ConfigArguments& arguments) {
  std::ostringstream said;
  const int code = CheckConfiguration(Options(arguments), program.out, said);
  return TellAll(program, code, std::istringstream(said.str()));
}

Exit Show(const Program& program, const ConfigArguments& arguments) {
  const auto form = arguments.output == "json" ? ConfigurationForm::kJson : ConfigurationForm::kToml;
  std::ostringstream said;
  const int code = PrintConfiguration(Options(arguments), form, program.out, said);
  return TellAll(program, code, std::istringstream(said.str()));
}

}  // namespace

void AddConfigCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<ConfigArguments>();
  auto* config = app.add_subcommand("config", "Check, show and explain the configuration");
  config->require_subcommand(1);
  const auto add_path = [&](CLI::App* command) {
    command
        ->add_option_function<std::string>(
            "--config",
            [arguments](const std::string& path) {
              arguments->path = path;
              arguments->path_given = true;
            },
            "The configuration file; else $JAMMI_CONFIG, ./jammi.toml, or the one of the platform")
        ->type_name("FILE");
  };

  auto* check = config->add_subcommand("check", "Say whether an engine can start with the configuration");
  add_path(check);
  check->footer(
      "\nExample:\n  jammi config check --config /etc/jammi.toml\n\n"
      "Exit status: 0 it can (there may be warnings), 1 it cannot, 2 wrong usage.");
  check->callback([&program, arguments] {
    program.action = [&program, arguments] { return CheckConfig(program, *arguments); };
  });

  auto* show = config->add_subcommand(
      "show", "Print the values in force and where each comes from; secrets stay hidden");
  add_path(show);
  show->add_option("--output", arguments->output, "Form of the output")
      ->check(CLI::IsMember({"toml", "json"}))
      ->option_text("toml|json  (default: toml)");
  show->footer(
      "\nExamples:\n  jammi config show\n  JAMMI_TRIGGER__RING_BYTES=64MiB jammi config show\n"
      "  jammi config show --output json");
  show->callback([&program, arguments] {
    program.action = [&program, arguments] { return Show(program, *arguments); };
  });

  auto* docs =
      config->add_subcommand("docs", "Print the page that explains every setting (docs/configuration.md)");
  docs->callback([&program] {
    program.action = [&program] {
      program.out << ConfigurationPage();
      return Exit::kDone;
    };
  });
}

}  // namespace jammi
