// evsink validate, evsink subject, evsink redact: what can be said about events without a server.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "evsink/command.h"
#include "evsink/event_loop.h"
#include "evsink/report.h"
#include "evsink/sink_flags.h"
#include "jammi/events/redact.h"
#include "jammi/events/subject.h"

namespace jammi::evsink {
namespace {

struct InspectArguments {
  InputOptions input;
  SinkFlags flags;
  std::string fields;
};

// A line that is no event, where results are reported: on the output.
Exit Report(const Program& program, const Line& line, const Error& error) {
  program.out << ResultLine(line).Failure(error).Finish();
  return Exit::kEventFailed;
}

// --- validate

Exit ValidateOne(const Program& program, const InputOptions& input, const Line& line,
                 const Result<events::Event>& event) {
  if (!event) {
    const auto* detail = event.error().As<SinkDetail>();
    program.out << ResultLine(line)
                       .Flag("valid", false)
                       .Findings(detail != nullptr ? detail->findings : std::vector<EventFinding>())
                       .Finish();
    return Exit::kEventFailed;
  }
  if (input.quiet) return Exit::kDone;
  ResultLine result(line);
  result.Text("id", event->id).Flag("valid", true);
  const auto advice = events::Lint(*event);
  if (!advice.empty()) result.Texts("advice", advice);
  program.out << result.Finish();
  return Exit::kDone;
}

Exit Validate(const Program& program, const InspectArguments& arguments) {
  return ForEachEvent(program, arguments.input, [&](const Line& line, const Result<events::Event>& event) {
    return ValidateOne(program, arguments.input, line, event);
  });
}

// --- subject

Exit Subject(const Program& program, const InspectArguments& arguments) {
  const auto settings = arguments.flags.Read(program.environment);
  if (!settings) return Fail(program, settings.error());
  return ForEachEvent(program, arguments.input, [&](const Line& line, const Result<events::Event>& event) {
    if (!event) return Report(program, line, event.error());
    const auto subject =
        events::ResolveSubject(settings->subject_template, *event, settings->jetstream.tenant_policy);
    if (!subject) return Report(program, line, subject.error());
    program.out << ResultLine(line).Text("id", event->id).Text("subject", *subject).Finish();
    return Exit::kDone;
  });
}

// --- redact

// From the flag, else the variable.
Result<events::RedactNames> Names(const Program& program, const std::string& fields) {
  constexpr const char* kVariable = "CELLOS_REDACT_EVENT_FIELDS";
  const auto found = program.environment.find(kVariable);
  const std::string& text = !fields.empty() || found == program.environment.end() ? fields : found->second;
  auto parsed = events::ParseRedactNames(text);
  for (const auto& warning : parsed.warnings) program.err << "evsink: " << warning << '\n';
  if (!parsed.names.empty()) return std::move(parsed.names);
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("no name to redact: say --fields argv,path or set {}", kVariable));
}

Exit RedactAll(const Program& program, const InspectArguments& arguments) {
  const auto names = Names(program, arguments.fields);
  if (!names) return Fail(program, names.error());
  return ForEachEvent(program, arguments.input, [&](const Line& line, const Result<events::Event>& event) {
    if (!event) {
      program.err << ResultLine(line).Failure(event.error()).Finish();
      return Exit::kEventFailed;
    }
    program.out << events::Serialise(events::Redact(*event, *names)) << '\n';
    return Exit::kDone;
  });
}

using Verb = Exit (*)(const Program&, const InspectArguments&);

CLI::App* Add(CLI::App& app, Program& program, const std::shared_ptr<InspectArguments>& arguments,
              const char* name, const char* description, Verb verb, const char* footer) {
  auto* command = app.add_subcommand(name, description);
  AddInputOptions(*command, arguments->input);
  command->footer(footer);
  command->callback([&program, arguments, verb] {
    program.action = [&program, arguments, verb] { return verb(program, *arguments); };
  });
  return command;
}

}  // namespace

void AddValidateCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<InspectArguments>();
  Add(app, program, arguments, "validate", "Say what is wrong with events, all of it", Validate,
      "\nExamples:\n  evsink validate events.jsonl\n  evsink validate --quiet < events.jsonl\n\n"
      "A line of the output: {\"line\":1,\"id\":\"e1\",\"valid\":true}, or with \"findings\" and false.\n"
      "Exit status: 0 all are valid, 1 one is not, 2 wrong usage, 5 a file cannot be read.")
      ->add_flag("-q,--quiet", arguments->input.quiet, "Only what is not valid");
}

void AddSubjectCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<InspectArguments>();
  auto* command = Add(
      app, program, arguments, "subject", "Print the subject that each event would be published to", Subject,
      "\nExamples:\n  evsink subject --template 'audit.{tenantId}.v1' events.jsonl\n"
      "  CELLOS_TENANT_ID=acme evsink subject --spec-id demo < events.jsonl\n\n"
      "Exit status: 0 all have one, 1 one has none, 2 wrong usage or template, 5 a file cannot be read.");
  AddSubjectFlags(*command, arguments->flags);
}

void AddRedactCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<InspectArguments>();
  Add(app, program, arguments, "redact", "Print events without the values of listed names", RedactAll,
      "\nNames are looked for at every depth of the data. What is no event is reported on the error "
      "stream.\n\n"
      "Examples:\n  evsink redact --fields argv,path events.jsonl > clean.jsonl\n"
      "  evsink redact --fields defaults < events.jsonl\n\n"
      "Exit status: 0 all are printed, 1 one was no event, 2 wrong usage, 5 a file cannot be read.")
      ->add_option("--fields", arguments->fields,
                   "Names with commas between them, or 'defaults': argv, path, reason "
                   "(CELLOS_REDACT_EVENT_FIELDS)")
      ->type_name("NAMES");
}

}  // namespace jammi::evsink
