#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <ostream>

#include "cli/command.h"
#include "command_line/command_line.h"

namespace jammi {
namespace {

constexpr const char* kFooter = R"(
Examples:
  jammi catalog status                          where is the catalog, and is it up to date?
  jammi catalog backup /backup/catalog.db       while engines run
  jammi config check --config /etc/jammi.toml   is this configuration right?
  jammi config show                             what is in force, and where is it from?

Exit status: 0 done, 1 what was asked failed, 2 wrong usage. Errors go to the error stream.)";

}  // namespace

int RunCli(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("The data engine of an AI service.", "jammi");
  app.set_version_flag("--version", "jammi " JAMMI_VERSION, "Print the version");
  app.footer(kFooter);
  app.require_subcommand(1);

  Program program{.out = out, .err = err, .action = {}};
  AddCatalogCommand(app, program);
  AddConfigCommand(app, program);

  if (const auto answered = ParseCommandLine(app, argc, argv, out, err)) return *answered;
  Exit exit = program.action();
  if (!out.flush() && exit == Exit::kDone) {
    err << "jammi: cannot write the output\n";
    exit = Exit::kFailed;
  }
  return static_cast<int>(exit);
}

}  // namespace jammi
