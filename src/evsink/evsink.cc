#include "evsink/evsink.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <ostream>

#include "command_line/command_line.h"
#include "evsink/command.h"
#include "jammi/events/fault.h"

namespace jammi::evsink {
namespace {

constexpr const char* kFooter = R"(
Events are CloudEvents 1.0, one JSON object on a line, from files or standard input. Results are JSON
lines on standard output; everything else goes to the error stream. The variables of the event sink
family (NATS_URL, CELLOS_DLQ_DIR, ...) say where events go and what is done to them on the way.

Examples:
  evsink validate events.jsonl                    what is wrong with these events?
  evsink doctor                                   would events arrive, and be kept?
  evsink emit < events.jsonl                      send them
  evsink replay --dir /var/lib/app/dlq            send what could not be sent before
  evsink verify --keys keys.json archive.jsonl    is this what was signed?

Exit status: 0 all is well; 1 at least one event failed; 2 wrong usage or configuration; 3 no connection;
4 a signature does not hold; 5 a file cannot be read or written; 6 some events wait on this disk.)";

// From harmless to fatal.
constexpr std::array kBySeverity = {Exit::kDone,        Exit::kSpilled, Exit::kEventFailed,
                                    Exit::kNotVerified, Exit::kStorage, Exit::kNoConnection,
                                    Exit::kUsage};

}  // namespace

Exit Worse(Exit a, Exit b) {
  const auto rank = [](Exit exit) { return std::ranges::find(kBySeverity, exit) - kBySeverity.begin(); };
  return rank(a) < rank(b) ? b : a;
}

Exit ExitOf(const Error& error) {
  if (error.As<SinkDetail>() == nullptr) {
    return error.code() == ErrorCode::kInvalidArgument ? Exit::kUsage : Exit::kStorage;
  }
  const SinkFault fault = events::FaultOf(error);
  if (fault == SinkFault::kConfigError || fault == SinkFault::kSignError) return Exit::kUsage;
  switch (events::ClassOf(fault)) {
    case events::FaultClass::kStorage:
      return Exit::kStorage;
    case events::FaultClass::kStart:
    case events::FaultClass::kTransient:
      return Exit::kNoConnection;
    default:
      return Exit::kEventFailed;
  }
}

Exit Fail(const Program& program, const Error& error) {
  program.err << "evsink: " << error.message() << '\n';
  return ExitOf(error);
}

void AddInputOptions(CLI::App& command, InputOptions& input) {
  command.add_option("files", input.files, "Files of events; standard input if there is none, or for -")
      ->type_name("FILE");
}

int RunEvsink(int argc, const char* const* argv, const Surroundings& surroundings) {
  CLI::App app("Sends CloudEvents to NATS JetStream, and looks after those that were sent.", "evsink");
  app.set_version_flag("--version", "evsink " JAMMI_VERSION, "Print the version");
  app.require_subcommand(1);

  Program program{.in = surroundings.in,
                  .out = surroundings.out,
                  .err = surroundings.err,
                  .out_is_terminal = surroundings.out_is_terminal,
                  .err_is_terminal = surroundings.err_is_terminal,
                  .environment = surroundings.environment,
                  .stop = surroundings.stop,
                  .action = {}};
  AddEmitCommand(app, program);
  AddReplayCommand(app, program);
  AddDoctorCommand(app, program);
  AddValidateCommand(app, program);
  AddSubjectCommand(app, program);
  AddRedactCommand(app, program);
  AddSignCommand(app, program);
  AddVerifyCommand(app, program);
  AddBackoffCommand(app, program);
  app.footer(kFooter);  // last: a command takes over the footer that it finds

  if (const auto answered = ParseCommandLine(app, argc, argv, program.out, program.err)) return *answered;
  Exit exit = program.action();
  if (!program.out.flush()) {
    program.err << "evsink: cannot write the output\n";
    exit = Worse(exit, Exit::kStorage);
  }
  return static_cast<int>(exit);
}

}  // namespace jammi::evsink
