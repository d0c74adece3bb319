// jammi config check|show|docs
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>
#include <string>

#include "cli/command.h"
#include "config/report.h"
#include "jammi/config.h"

namespace jammi {
namespace {

struct Arguments {
  std::string path;  // empty: the usual search
  bool path_given = false;
  std::string output = "toml";
};

Result<LoadedConfig> Load(const Arguments& arguments) {
  LoadOptions options{.log_warnings = false};  // printed here instead
  if (arguments.path_given) options.path = arguments.path;
  return LoadConfig(options);
}

Exit Fail(const Program& program, const Error& error) {
  program.err << error.message() << '\n';
  return Exit::kFailed;
}

void PrintWarnings(std::ostream& stream, const LoadedConfig& loaded) {
  for (const auto& warning : loaded.warnings) {
    stream << fmt::format("warning: {}: {}\n", ToString(warning.origin), warning.message);
  }
}

std::string Summary(const LoadedConfig& loaded) {
  size_t from_file = 0;
  size_t from_variables = 0;
  for (const auto& [key, origin] : loaded.origins) {
    ++(origin.source == ConfigOrigin::Source::kFile ? from_file : from_variables);
  }
  const auto file = loaded.file ? loaded.file->string() : "no file (every setting has its default)";
  return fmt::format("checked: {}\nsettings from the file: {}, from the environment: {}\n", file, from_file,
                     from_variables);
}

Exit Check(const Program& program, const Arguments& arguments) {
  const auto loaded = Load(arguments);
  if (!loaded) return Fail(program, loaded.error());
  program.out << Summary(*loaded);
  PrintWarnings(program.out, *loaded);
  if (const auto supported = CheckSupported(loaded->config); !supported)
    return Fail(program, supported.error());
  program.out << "ok\n";
  return Exit::kDone;
}

Exit Show(const Program& program, const Arguments& arguments) {
  const auto loaded = Load(arguments);
  if (!loaded) return Fail(program, loaded.error());
  const bool json = arguments.output == "json";
  program.out << (json ? ShowAsJson(*loaded) : ShowAsToml(*loaded));
  if (!json) PrintWarnings(program.err, *loaded);  // in JSON they are part of the answer
  return Exit::kDone;
}

}  // namespace

void AddConfigCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<Arguments>();
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
    program.action = [&program, arguments] { return Check(program, *arguments); };
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
