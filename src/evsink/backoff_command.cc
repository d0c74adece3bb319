// evsink backoff
#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "evsink/command.h"
#include "evsink/report.h"
#include "evsink/sink_flags.h"
#include "jammi/events/backoff.h"

namespace jammi::evsink {
namespace {

struct BackoffArguments {
  uint32_t attempts = 12;
  std::chrono::milliseconds base = events::kBackoffBase;
  std::chrono::milliseconds cap = events::kBackoffCap;
};

Exit Backoff(const Program& program, const BackoffArguments& arguments) {
  for (uint32_t attempt = 0; attempt < arguments.attempts && program.out; ++attempt) {
    const auto wait = events::BackoffDelay(attempt, arguments.base, arguments.cap);
    program.out << ResultLine().Number("attempt", attempt).Number("wait_ms", wait.count()).Finish();
  }
  return Exit::kDone;
}

}  // namespace

void AddBackoffCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<BackoffArguments>();
  auto* command = app.add_subcommand("backoff", "Print how long an open circuit waits, try by try");
  command->add_option("--attempts", arguments->attempts, "How many [12]")
      ->type_name("N")
      ->check(CLI::Range(1U, 1'000'000U));
  AddDurationFlag(*command, "--base", arguments->base, "The first wait");
  AddDurationFlag(*command, "--cap", arguments->cap, "The longest");
  command->footer("\nExample:\n  evsink backoff --attempts 5");
  command->callback([&program, arguments] {
    program.action = [&program, arguments] { return Backoff(program, *arguments); };
  });
}

}  // namespace jammi::evsink
