// evsink emit
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <ostream>

#include "evsink/command.h"
#include "evsink/emit_results.h"
#include "evsink/event_loop.h"
#include "evsink/sink_flags.h"
#include "jammi/events/chain.h"

namespace jammi::evsink {
namespace {

using std::chrono::milliseconds;

struct EmitArguments {
  InputOptions input;
  SinkFlags flags;
  milliseconds drain_timeout{30'000};
};

// Where the last event of this thread was spilled to. The dead letters say so just before the event has its
// outcome, on the same thread.
thread_local std::string spilled_to;

class EmitRun {
 public:
  EmitRun(const Program& program, const EmitArguments& arguments, events::SinkChain chain)
      : program_(program),
        arguments_(arguments),
        chain_(std::move(chain)),
        results_(program.out, arguments.input.quiet) {}

  Exit Run() {
    const Exit read = ForEachEvent(
        program_, arguments_.input,
        [&](const Line& line, Result<events::Event> event) { return One(line, std::move(event)); },
        [&] { return results_.writable(); });
    Drain();
    const EmitCounts counts = results_.Finish();
    Summarise(counts);
    return Worse(read, ExitOfCounts(counts));
  }

 private:
  Exit One(const Line& line, Result<events::Event> event) {
    auto* const result = results_.Expect(line, event ? event->id : std::string());
    if (!event) {
      results_.Complete(result, {.outcome = Outcome::kFailed, .error = event.error()});
      return Exit::kEventFailed;
    }
    chain_.sink->EmitAsync(*event, [this, result](const Result<void>& sent) {
      const std::string letter = std::exchange(spilled_to, {});
      if (!sent) return results_.Complete(result, {.outcome = Outcome::kFailed, .error = sent.error()});
      results_.Complete(result, {.outcome = Taken(letter), .dead_letter = letter});
    });
    return Exit::kDone;
  }

  [[nodiscard]] Outcome Taken(const std::string& letter) const {
    if (!letter.empty()) return Outcome::kSpilled;
    if (chain_.primary != events::PrimarySink::kJetStream) return Outcome::kDiscarded;
    return chain_.spool != nullptr ? Outcome::kSpooled : Outcome::kDelivered;
  }

  // Waits for the outcomes, in slices, so that a stop is heard.
  void Drain() {
    using SteadyClock = std::chrono::steady_clock;
    static constexpr milliseconds kSlice{200};
    static constexpr std::chrono::seconds kAfterStop{5};
    auto until = SteadyClock::now() + arguments_.drain_timeout;
    bool stopping = false;
    while (SteadyClock::now() < until) {
      if (program_.stop.requested() && !std::exchange(stopping, true)) {
        until = std::min(until, SteadyClock::now() + kAfterStop);
      }
      const auto flushed = chain_.sink->Flush(Deadline::After(kSlice));
      if (flushed || flushed.error().code() != ErrorCode::kDeadlineExceeded) break;
    }
    IgnoreError(chain_.sink->Close(Deadline::After(kSlice)), "every event has its own result");
    if (chain_.spool != nullptr) left_in_spool_ = chain_.spool->status().events;
  }

  [[nodiscard]] Exit ExitOfCounts(const EmitCounts& counts) const {
    Exit exit = Exit::kDone;
    if (counts.spilled > 0 || left_in_spool_ > 0) exit = Worse(exit, Exit::kSpilled);
    if (counts.failed > 0) exit = Worse(exit, Exit::kEventFailed);
    if (counts.storage > 0 || !counts.written) exit = Worse(exit, Exit::kStorage);
    if (chain_.primary == events::PrimarySink::kFallback && counts.discarded > 0) {
      exit = Worse(exit, Exit::kNoConnection);
    }
    return exit;
  }

  // Silent where all went well: then the results say it.
  void Summarise(const EmitCounts& counts) const {
    const bool well = counts.failed + counts.spilled + counts.discarded + left_in_spool_ == 0;
    if (well && !program_.stop.requested()) return;
    std::string parts;
    const auto add = [&](uint64_t count, std::string_view what) {
      if (count > 0) parts += fmt::format("{}{} {}", parts.empty() ? "" : ", ", count, what);
    };
    add(counts.delivered, "delivered");
    add(counts.spooled, "spooled");
    add(counts.spilled, "spilled to the dead letters (evsink replay sends them)");
    add(counts.discarded, "discarded");
    add(counts.failed, "failed");
    add(left_in_spool_, "wait in the spool (the next run with it sends them)");
    program_.err << fmt::format("evsink: {}\n", parts.empty() ? "no events" : parts);
  }

  const Program& program_;
  const EmitArguments& arguments_;
  const events::SinkChain chain_;
  uint64_t left_in_spool_ = 0;
  EmitResults results_;
};

Exit Emit(const Program& program, const EmitArguments& arguments) {
  auto settings = arguments.flags.Read(program.environment);
  if (!settings) return Fail(program, settings.error());
  if (settings->dead_letter) {
    settings->dead_letter->on_spilled = [](const events::Event&, const std::filesystem::path& letter) {
      spilled_to = letter.string();
    };
  }
  auto chain = events::BuildSinkChain(*std::move(settings));
  if (!chain) return Fail(program, chain.error());
  return EmitRun(program, arguments, *std::move(chain)).Run();
}

}  // namespace

void AddEmitCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<EmitArguments>();
  auto* command = app.add_subcommand("emit", "Send events through the chain of sinks that is configured");
  AddInputOptions(*command, arguments->input);
  command->add_flag("-q,--quiet", arguments->input.quiet, "Only what was not delivered");
  AddDurationFlag(*command, "--drain-timeout", arguments->drain_timeout,
                  "How long to wait at the end for what has no outcome yet, and for a spool to be empty");
  AddSinkFlags(*command, arguments->flags);
  command->footer(
      "\nA line of the output: {\"line\":1,\"id\":\"e1\",\"outcome\":\"delivered\"}. Outcomes: delivered (a "
      "stream "
      "has it),\nspooled (the spool has it), spilled (a dead letter has it), discarded (there is no server), "
      "failed.\nSIGINT and SIGTERM end the reading; what was read gets its outcome. A second one ends the "
      "program.\n\n"
      "Examples:\n  evsink emit --url nats://nats:4222 --template 'audit.{tenantId}' events.jsonl\n"
      "  tail -f app.jsonl | NATS_URL=tls://nats:4222 CELLOS_DLQ_DIR=/var/lib/app/dlq evsink emit --quiet\n"
      "  evsink emit --spool-dir /var/lib/app/spool < events.jsonl\n\n"
      "Exit status: 0 all delivered, 1 one failed, 2 wrong usage or configuration, 3 no connection, 5 a "
      "file\n"
      "cannot be read or written, 6 some wait as dead letters or in the spool.");
  command->callback([&program, arguments] {
    program.action = [&program, arguments] { return Emit(program, *arguments); };
  });
}

}  // namespace jammi::evsink
