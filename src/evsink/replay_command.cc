// evsink replay
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "base/text.h"
#include "command_line/progress.h"
#include "evsink/command.h"
#include "evsink/report.h"
#include "evsink/sink_flags.h"
#include "jammi/events/chain.h"
#include "jammi/events/dead_letter.h"
#include "jammi/events/noop.h"

namespace jammi::evsink {
namespace {

struct ReplayArguments {
  SinkFlags flags;
  std::string directory;
  double rate = 0;
  uint64_t max_events = 0;
  bool dry_run = false;
  std::chrono::milliseconds older_than{0};
};

constexpr const char* kDeadLetterVariable = "CELLOS_DLQ_DIR";

Result<std::filesystem::path> Directory(const Program& program, const ReplayArguments& arguments) {
  if (!arguments.directory.empty()) return std::filesystem::path(arguments.directory);
  const auto& flags = arguments.flags.variables;
  if (const auto flag = flags.find(kDeadLetterVariable); flag != flags.end() && !flag->second.empty())
    return std::filesystem::path(flag->second);
  const auto found = program.environment.find(kDeadLetterVariable);
  if (found != program.environment.end() && !Trim(found->second).empty()) {
    return std::filesystem::path(Trim(found->second));
  }
  return Error(ErrorCode::kInvalidArgument, "no directory to replay: say --dir DIR or set CELLOS_DLQ_DIR",
               SinkDetail{.fault = SinkFault::kConfigError});
}

// What lies below the dead letters; nothing is sent in a dry run.
Result<std::shared_ptr<events::EventSink>> Target(const Program& program, const ReplayArguments& arguments) {
  JAMMI_ASSIGN(auto settings, arguments.flags.Read(program.environment));
  if (arguments.dry_run) return std::shared_ptr<events::EventSink>(std::make_shared<events::NoopSink>());
  JAMMI_ASSIGN(auto chain, events::BuildTransport(std::move(settings)));
  return std::move(chain.sink);
}

Exit Replay(const Program& program, const ReplayArguments& arguments) {
  const auto directory = Directory(program, arguments);
  if (!directory) return Fail(program, directory.error());
  const auto sink = Target(program, arguments);
  if (!sink) return Fail(program, sink.error());

  Progress progress(program.err, program.err_is_terminal);
  const events::ReplayOptions options = {
      .directory = *directory,
      .events_per_second = arguments.rate,
      .max_events = arguments.max_events,
      .dry_run = arguments.dry_run,
      .older_than = arguments.older_than,
      .progress =
          [&](const events::ReplayProgress& done) {
            progress.Update(done.sent, done.quarantined, done.sent + done.quarantined, done.files);
          },
      .stop = program.stop.token(),
  };
  const auto report = events::Replay(**sink, options);
  progress.Clear();
  if (!report) return Fail(program, report.error());

  ResultLine line;
  line.Number("files", static_cast<int64_t>(report->done.files))
      .Number(arguments.dry_run ? "would_send" : "sent", static_cast<int64_t>(report->done.sent))
      .Number(arguments.dry_run ? "would_quarantine" : "quarantined",
              static_cast<int64_t>(report->done.quarantined))
      .Number("left", static_cast<int64_t>(report->left));
  if (report->stopped) line.Failure(*report->stopped);
  program.out << line.Finish();
  if (program.stop.requested()) program.err << "evsink: stopped; what is left waits for the next replay\n";
  return report->stopped || report->done.quarantined > 0 || program.stop.requested() ? Exit::kEventFailed
                                                                                     : Exit::kDone;
}

}  // namespace

void AddReplayCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<ReplayArguments>();
  auto* command = app.add_subcommand("replay", "Send the events that lie in a directory of dead letters");
  auto* directory =
      command->add_option("--dir", arguments->directory, "The directory; also --dlq-dir (CELLOS_DLQ_DIR)")
          ->type_name("DIR");
  command->add_option("--rate", arguments->rate, "Events per second at most; 0: as fast as it goes [0]")
      ->type_name("N")
      ->check(CLI::Range(0.0, 1e6));
  command->add_option("--max", arguments->max_events, "Events at most; 0: all [0]")->type_name("N");
  command->add_flag("--dry-run", arguments->dry_run, "Read and judge every file; send and change nothing");
  AddDurationFlag(*command, "--older-than", arguments->older_than, "Only files that are older");
  AddSinkFlags(*command, arguments->flags);
  directory->excludes("--dlq-dir");
  command->footer(
      "\nEvents are sent as they were spilled, in the order of the files' names; each file is deleted when "
      "a\n"
      "stream has its event. What can never be sent goes to quarantine/ in the directory. An event that may\n"
      "pass later ends the replay.\n\n"
      "Examples:\n  evsink replay --dir /var/lib/app/dlq --dry-run\n"
      "  evsink replay --dir /var/lib/app/dlq --rate 200 --older-than 5m\n\n"
      "Exit status: 0 all were sent, 1 one could not be, 2 wrong usage or configuration, 3 no connection, 5 "
      "the\n"
      "directory cannot be read or changed, or another replay runs there.");
  command->callback([&program, arguments] {
    program.action = [&program, arguments] { return Replay(program, *arguments); };
  });
}

}  // namespace jammi::evsink
