#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <ostream>
#include <system_error>

#include "cli/command.h"
#ifdef JAMMI_HAS_SERVER
#include "cli/remote.h"
#endif
#include "command_line/command_line.h"
#include "command_line/error_text.h"
#include "command_line/standard_streams.h"

namespace jammi {
namespace {

constexpr const char* kFooter = R"(
Examples:
  jammi status                                  does the server answer, and what does it offer?
  jammi publish quakes --file quakes.jsonl      rows become events of a topic
  jammi subscribe quakes --from begin           and are read
  jammi catalog status                          where is the catalog, and is it up to date?
  jammi catalog backup /backup/catalog.db       while engines run
  jammi config check --config /etc/jammi.toml   is this configuration right?
  jammi config show                             what is in force, and where is it from?

Exit status: 0 done, 1 what was asked failed, 2 wrong usage. Errors go to the error stream.)";

#ifdef JAMMI_HAS_SERVER
void AddRemoteCommands(CLI::App& app, Program& program) {
  const auto remote = std::make_shared<Remote>(Remote{.program = program, .options = {}});
  AddRemoteOptions(app, remote);
  AddStatusCommands(app, remote);
  AddTriggerCommand(app, remote);
  AddPublishCommand(app, remote);
  AddSubscribeCommand(app, remote);
  AddConsumersCommand(app, remote);
  AddMutableCommand(app, remote);
  AddModelsCommand(app, remote);
  AddChannelsCommand(app, remote);
  AddSourcesCommand(app, remote);
  AddAuditCommand(app, remote);
  AddTenantCommand(app, remote);
  AddBackupCommand(app, remote);
}
#else
void AddRemoteCommands(CLI::App& /*app*/, Program& /*program*/) {}
#endif

// `reason`: what the system says, 0: not known.
void TellUnwritten(std::ostream& err, int reason) {
  std::string text = "cannot write the output";
  if (reason != 0) text += ": " + std::generic_category().message(reason);
  PrintError(err, text);
}

}  // namespace

int RunCli(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("The data engine of an AI service.", "jammi");
  app.set_version_flag("--version", "jammi " JAMMI_VERSION, "Print the version");
  app.require_subcommand(0, 1);

  Program program{.out = out, .err = err, .action = {}};
  AddRemoteCommands(app, program);
  AddCatalogCommand(app, program);
  AddConfigCommand(app, program);
  AddTokenCommand(app, program);
  AddCompletionCommand(app, program);
  app.footer(kFooter);  // last: a command takes over the footer that it finds

  if (const auto answered = ParseCommandLine(app, argc, argv, out, err)) return *answered;
  if (const auto refused = RefuseOtherThanUtf8(app, err)) return *refused;
  if (!program.action) {  // CLI-003
    out << app.help();
    return 0;
  }
  Exit exit = program.action();
  errno = 0;
  if (!out.flush() && exit == Exit::kDone) {
    // Who has seen enough, as in `jammi ... | head`, wants no word about it.
    if (const int reason = errno; !ReaderIsGone()) TellUnwritten(err, reason);
    exit = Exit::kFailed;
  }
  return static_cast<int>(exit);
}

}  // namespace jammi
