#include "evsink/sink_flags.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "base/quantity.h"

namespace jammi::evsink {
namespace {

constexpr const char* kVariables = "Variables of the family";
constexpr const char* kOptions =
    "Options of the sinks, each also a variable: --ack-timeout is EVSINK_ACK_TIMEOUT";

std::string FlagOf(std::string_view option) {
  std::string name = "--" + std::string(option);
  std::ranges::replace(name, '_', '-');
  return name;
}

void AddVariable(CLI::App& command, SinkFlags& flags, const char* flag, const char* variable,
                 const char* type, const char* description) {
  command
      .add_option_function<std::string>(
          flag, [&flags, variable](const std::string& text) { flags.variables[variable] = text; },
          fmt::format("{} ({})", description, variable))
      ->type_name(type)
      ->group(kVariables);
}

void AddSwitch(CLI::App& command, SinkFlags& flags, const char* flag, const char* variable,
               const char* description) {
  command
      .add_flag_callback(
          flag, [&flags, variable] { flags.variables[variable] = "1"; },
          fmt::format("{} ({})", description, variable))
      ->group(kVariables);
}

void AddOption(CLI::App& command, SinkFlags& flags, const events::SinkOption& option) {
  std::string names = FlagOf(option.name);
  if (option.name == "subject_template") names += ",--template";
  const std::string shown =
      option.default_text.empty() ? std::string() : fmt::format(" [{}]", option.default_text);
  command
      .add_option_function<std::string>(
          names,
          [&flags, name = std::string(option.name)](const std::string& text) { flags.options[name] = text; },
          fmt::format("{}{}", option.meaning, shown))
      ->type_name(std::string(option.value))
      ->group(kOptions);
}

void AddRunFlags(CLI::App& command, SinkFlags& flags) {
  command.add_option("--spec-id", flags.spec_id, "The spec id of the run that the events are of")
      ->type_name("ID");
  command.add_option("--run-id", flags.run_id, "Its run id; else CELLOS_RUN_ID")->type_name("ID");
  command.add_option("--tenant-id", flags.tenant_id, "Its tenant")->type_name("ID");
}

}  // namespace

Result<events::SinkSettings> SinkFlags::Read(const Environment& environment) const {
  Environment all = variables;
  all.insert(environment.begin(), environment.end());
  std::optional<events::RunContext> run;
  if (!spec_id.empty()) {
    run = events::RunContext{.spec_id = spec_id};
    if (!run_id.empty()) run->run_id = run_id;
    if (!tenant_id.empty()) run->tenant = tenant_id;
  } else if (!run_id.empty() || !tenant_id.empty()) {
    return Error(ErrorCode::kInvalidArgument, "--run-id and --tenant-id are of a run: --spec-id is missing",
                 SinkDetail{.fault = SinkFault::kConfigError});
  }
  return events::ReadSinkSettings(all, options, run);
}

void AddSubjectFlags(CLI::App& command, SinkFlags& flags) {
  AddRunFlags(command, flags);
  for (const events::SinkOption& option : events::SinkOptions()) {
    if (option.name == "subject_template" || option.name == "tenant_policy") {
      AddOption(command, flags, option);
    }
  }
}

void AddSinkFlags(CLI::App& command, SinkFlags& flags) {
  AddVariable(command, flags, "--url", "NATS_URL", "URL",
              "The server, or several with commas; better in the variable if it has a password");
  AddVariable(command, flags, "--ca-file", "NATS_CA_FILE", "FILE", "Trust these authorities, and use TLS");
  AddVariable(command, flags, "--dlq-dir", "CELLOS_DLQ_DIR", "DIR", "Where events go that cannot be sent");
  AddVariable(command, flags, "--jsonl", "CELL_OS_JSONL_EVENTS", "FILE", "A file that gets every event too");
  AddSwitch(command, flags, "--require", "CELL_OS_REQUIRE_JETSTREAM", "No server, no start");
  AddSwitch(command, flags, "--noop", "CELL_OS_USE_NOOP_SINK", "Send nothing to anyone");
  AddSwitch(command, flags, "--strict", "CELLOS_STRICT_CONFIG", "No start with warnings");
  AddRunFlags(command, flags);
  for (const events::SinkOption& option : events::SinkOptions()) AddOption(command, flags, option);
}

void AddDurationFlag(CLI::App& command, const std::string& name, std::chrono::milliseconds& target,
                     const std::string& description) {
  command
      .add_option_function<std::string>(
          name,
          [&target, name](const std::string& text) {
            const auto duration = ParseDuration(text);
            if (!duration) throw CLI::ValidationError(name, fmt::format("'{}': {}", text, duration.error()));
            target = *duration;
          },
          fmt::format("{} [{}]", description, FormatDuration(target)))
      ->type_name("DURATION");
}

}  // namespace jammi::evsink
