// evsink doctor
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <ostream>

#include "base/quantity.h"
#include "evsink/command.h"
#include "evsink/report.h"
#include "evsink/sink_flags.h"
#include "jammi/events/chain.h"
#include "jammi/events/text_redaction.h"

namespace jammi::evsink {
namespace {

namespace fs = std::filesystem;
using std::chrono::duration_cast;
using std::chrono::milliseconds;

struct DoctorArguments {
  SinkFlags flags;
  milliseconds min_age = duration_cast<milliseconds>(events::StreamNeeds().min_age);
  milliseconds min_duplicate_window = duration_cast<milliseconds>(events::StreamNeeds().min_duplicate_window);
  int min_replicas = events::StreamNeeds().min_replicas;
};

// Looks at one thing after the other and prints a line for each; it changes nothing.
class Doctor {
 public:
  Doctor(const Program& program, const DoctorArguments& arguments, events::SinkSettings settings)
      : program_(program), arguments_(arguments), settings_(std::move(settings)) {}

  Exit Run() {
    for (const auto& warning : settings_.warnings) Warn("configuration", warning.message);
    if (settings_.use_noop) {
      Failed("delivery", "no delivery: CELL_OS_USE_NOOP_SINK is set, and every event is discarded",
             Exit::kEventFailed);
    } else {
      LookAtTheServer();
    }
    LookAtTheWrappers();
    LookAtTheFiles();
    return worst_;
  }

 private:
  ResultLine Line(std::string_view check, std::string_view status) const {
    ResultLine line;
    line.Text("check", check).Text("status", status);
    return line;
  }
  void Print(const ResultLine& line) const { program_.out << line.Finish(); }
  void Ok(std::string_view check, std::string_view message) const {
    Print(Line(check, "ok").Text("message", message));
  }
  void Warn(std::string_view check, std::string_view message) {
    Print(Line(check, "warning").Text("message", message));
    if (settings_.strict) worst_ = Worse(worst_, Exit::kUsage);
  }
  void Failed(std::string_view check, std::string_view message, Exit exit) {
    Print(Line(check, "failed").Text("message", message));
    worst_ = Worse(worst_, exit);
  }

  void LookAtTheServer() {
    settings_.jetstream.start = events::SinkStart::kFail;
    const auto sink = events::ConnectJetStream(settings_);
    if (!sink) {
      Print(Line("connection", "failed").Failure(sink.error()));
      worst_ = Worse(worst_, ExitOf(sink.error()));
      return;
    }
    Ok("connection", fmt::format("connected to {}", events::RedactUrlCredentials(settings_.url.Reveal())));
    const auto report = (*sink)->CheckStream(
        {.min_age = duration_cast<std::chrono::hours>(arguments_.min_age),
         .min_duplicate_window = duration_cast<std::chrono::seconds>(arguments_.min_duplicate_window),
         .min_replicas = arguments_.min_replicas});
    if (!report) {
      Print(Line("stream", "failed").Failure(report.error()));
      worst_ = Worse(worst_, Exit::kEventFailed);
      return;
    }
    Tell(*report);
  }

  void Tell(const events::StreamReport& report) {
    for (const auto& finding : report.findings) {
      Print(Line("stream", "failed")
                .Text("problem", ToString(finding.problem))
                .Text("message", finding.message));
      worst_ = Worse(worst_, Exit::kEventFailed);
    }
    if (report.stream.empty()) return;
    const auto age = report.max_age.count() == 0 ? std::string("for ever") : FormatDuration(report.max_age);
    Print(Line("stream", report.findings.empty() ? "ok" : "failed")
              .Text("stream", report.stream)
              .Text("subject", report.subject)
              .Text("keeps_events", age)
              .Text("duplicate_window", FormatDuration(report.duplicate_window))
              .Text("storage", report.on_file ? "file" : "memory")
              .Number("replicas", report.replicas)
              .Number("messages", static_cast<int64_t>(report.messages))
              .Number("bytes", static_cast<int64_t>(report.bytes)));
  }

  void LookAtTheWrappers() {
    if (settings_.signing) {
      Ok("signing",
         fmt::format("{}, kid {}", ToString(settings_.signing->algorithm()), settings_.signing->kid()));
    }
    if (!settings_.redact.empty()) {
      Ok("redaction", fmt::format("{} names", settings_.redact.names().size()));
    }
  }

  void LookAtTheFiles() {
    if (settings_.dead_letter) LookAtTheDeadLetters(settings_.dead_letter->directory);
    if (settings_.spool) LookAtTheFolder("spool", settings_.spool->directory.parent_path());
    if (settings_.mirror) LookAtTheFolder("mirror", settings_.mirror->path.parent_path());
  }

  void LookAtTheDeadLetters(const fs::path& directory) {
    if (const auto usable = events::CheckDeadLetterDirectory(directory); !usable) {
      return Failed("dead_letters", usable.error().message(), Exit::kStorage);
    }
    size_t waiting = 0;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(directory, error)) {
      const auto name = entry.path().filename().string();
      if (!name.starts_with(".") && name.ends_with(".jsonl")) ++waiting;
    }
    const auto message = fmt::format("{} events wait in {}", waiting, directory.string());
    if (waiting == 0) return Ok("dead_letters", message);
    Warn("dead_letters", message + ": evsink replay sends them");
  }

  void LookAtTheFolder(std::string_view check, fs::path folder) {
    if (folder.empty()) folder = ".";
    if (::access(folder.c_str(), W_OK | X_OK) == 0) {
      return Ok(check, fmt::format("{} can be written to", folder.string()));
    }
    Failed(check, fmt::format("{} cannot be written to", folder.string()), Exit::kStorage);
  }

  const Program& program_;
  const DoctorArguments& arguments_;
  events::SinkSettings settings_;
  Exit worst_ = Exit::kDone;
};

Exit Examine(const Program& program, const DoctorArguments& arguments) {
  auto settings = arguments.flags.Read(program.environment);
  if (!settings) return Fail(program, settings.error());
  return Doctor(program, arguments, *std::move(settings)).Run();
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<DoctorArguments>();
  auto* command = app.add_subcommand(
      "doctor", "Say whether events would arrive and be kept: server, stream, keys, directories");
  AddDurationFlag(*command, "--min-age", arguments->min_age, "The stream keeps events so long, or for ever");
  AddDurationFlag(*command, "--min-duplicate-window", arguments->min_duplicate_window,
                  "The stream knows a message again for so long");
  command->add_option("--min-replicas", arguments->min_replicas, "Replicas of the stream [1]")
      ->type_name("N")
      ->check(CLI::Range(1, 5));
  AddSinkFlags(*command, arguments->flags);
  command->footer(
      "\nIt changes nothing: no stream is made, no event is sent.\n\n"
      "Examples:\n  evsink doctor --url nats://nats:4222 --template 'audit.{tenantId}'\n"
      "  evsink doctor --min-replicas 3 --min-age 365d\n\n"
      "Exit status: 0 nothing is wrong, 1 the stream is, 2 wrong usage or configuration, 3 no connection, 5 "
      "a\n"
      "directory cannot be written to.");
  command->callback([&program, arguments] {
    program.action = [&program, arguments] { return Examine(program, *arguments); };
  });
}

}  // namespace jammi::evsink
