// evsink sign, evsink verify
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <ostream>

#include "base/text.h"
#include "evsink/command.h"
#include "evsink/event_loop.h"
#include "evsink/report.h"
#include "jammi/events/sign.h"
#include "jammi/events/verify.h"

namespace jammi::evsink {
namespace {

std::optional<std::string> Variable(const Program& program, std::string_view name) {
  const auto found = program.environment.find(std::string(name));
  return found == program.environment.end() ? std::nullopt : std::optional(found->second);
}

Error ConfigError(std::string message) {
  return Error(ErrorCode::kInvalidArgument, std::move(message), SinkDetail{.fault = SinkFault::kConfigError});
}

// The key of the variables; here it is no mere warning that there is none.
Result<events::SigningKey> Key(const Program& program) {
  const auto key = Variable(program, events::kSigningKeyVariable);
  auto config = events::ReadSigningConfig(Variable(program, events::kSigningVariable),
                                          Variable(program, events::kSigningKidVariable),
                                          key ? std::optional(Secret(*key)) : std::nullopt);
  if (config.key) return *std::move(config.key);
  std::string wrong;
  for (const auto& warning : config.warnings) {
    wrong += fmt::format("{}{}: {}", wrong.empty() ? "" : "\n", warning.variable, warning.message);
  }
  if (!wrong.empty()) return ConfigError(wrong);
  return ConfigError(fmt::format("signing is off: set {} to ed25519 or hmac, and {} and {}",
                                 events::kSigningVariable, events::kSigningKidVariable,
                                 events::kSigningKeyVariable));
}

// --- sign

struct SignArguments {
  InputOptions input;
  bool public_key = false;
};

Exit Sign(const Program& program, const SignArguments& arguments) {
  const auto key = Key(program);
  if (!key) return Fail(program, key.error());
  if (arguments.public_key) {
    if (key->PublicKey().empty()) {
      return Fail(program,
                  ConfigError("a key of HMAC has no public part: who verifies needs the key itself"));
    }
    program.out << ResultLine().Text(key->kid(), key->PublicKey()).Finish();
    return Exit::kDone;
  }
  return ForEachEvent(program, arguments.input, [&](const Line& line, const Result<events::Event>& event) {
    const auto envelope = event ? events::SignEvent(*event, *key) : Result<events::Event>(event.error());
    if (!envelope) {
      program.err << ResultLine(line).Failure(envelope.error()).Finish();
      return Exit::kEventFailed;
    }
    program.out << events::Serialise(*envelope) << '\n';
    return Exit::kDone;
  });
}

// --- verify

struct VerifyArguments {
  InputOptions input;
  std::string keys;
  bool require_signed = false;
  bool print_events = false;
  bool at_this_time = false;
};

// Public keys from the file; and the HMAC key that this machine signs with, if it does.
Result<events::VerifyKeys> Keys(const Program& program, const std::string& flag) {
  const auto path = !flag.empty() ? flag : Variable(program, events::kVerifyKeysVariable).value_or("");
  const auto algorithm = AsciiLower(Trim(Variable(program, events::kSigningVariable).value_or("")));
  const bool hmac = algorithm == "hmac" || algorithm == "hmac-sha256";
  if (path.empty() && !hmac) {
    return ConfigError(
        fmt::format("no key to verify with: say --keys FILE or set {}; for HMAC set {}=hmac "
                    "and its key",
                    events::kVerifyKeysVariable, events::kSigningVariable));
  }
  events::VerifyKeys keys;
  if (!path.empty()) {
    JAMMI_ASSIGN(keys, events::VerifyKeys::Load(path));
  }
  if (hmac) {
    JAMMI_ASSIGN(const auto key, Key(program));
    JAMMI_TRY(keys.AddHmac(key.kid(), Secret(*Variable(program, events::kSigningKeyVariable))));
  }
  return keys;
}

// A variable that is on or off by what it says.
Result<bool> Switch(const Program& program, std::string_view name) {
  const std::string given = Variable(program, name).value_or("");
  const std::string text = AsciiLower(Trim(given));
  for (const auto* on : {"1", "true", "yes", "on"}) {
    if (text == on) return true;
  }
  for (const auto* off : {"", "0", "false", "no", "off"}) {
    if (text == off) return false;
  }
  return ConfigError(fmt::format("{}: '{}' is neither on (1, true, yes, on) nor off", name, given));
}

class VerifyRun {
 public:
  VerifyRun(const Program& program, const VerifyArguments& arguments, events::VerifyKeys keys)
      : program_(program),
        arguments_(arguments),
        verifier_(std::move(keys), {.clock = arguments.at_this_time ? Clock::System() : nullptr}) {}

  Exit Run() {
    return ForEachEvent(program_, arguments_.input, [&](const Line& line, Result<events::Event> event) {
      return One(line, std::move(event));
    });
  }

 private:
  Exit One(const Line& line, Result<events::Event> event) {
    // An archive may hold what we would not take in today.
    if (!event && !line.too_long) event = events::ReadEvent(line.text);
    if (!event) {
      Report(ResultLine(line).Flag("verified", false).Failure(event.error()));
      return Exit::kNotVerified;
    }
    const events::Verdict verdict = verifier_.Verify(*event);
    if (verdict.ok()) {
      if (arguments_.print_events) {
        program_.out << events::Serialise(verdict.event) << '\n';
      } else if (!arguments_.input.quiet) {
        Report(ResultLine(line)
                   .Text("id", verdict.event.id)
                   .Flag("verified", true)
                   .Text("kid", verdict.kid)
                   .Text("algorithm", ToString(verdict.algorithm)));
      }
      return Exit::kDone;
    }
    const bool plain = verdict.fault == events::VerifyFault::kNotSigned && !arguments_.require_signed;
    Report(ResultLine(line)
               .Text("id", event->id)
               .Flag("verified", false)
               .Text("reason", ToString(verdict.fault))
               .Text("message", verdict.message));
    return plain ? Exit::kDone : Exit::kNotVerified;
  }

  // With --events the output is events and nothing else.
  void Report(const ResultLine& line) const {
    (arguments_.print_events ? program_.err : program_.out) << line.Finish();
  }

  const Program& program_;
  const VerifyArguments& arguments_;
  const events::Verifier verifier_;
};

Exit Verify(const Program& program, VerifyArguments arguments) {
  auto keys = Keys(program, arguments.keys);
  if (!keys) return Fail(program, keys.error());
  const auto required = Switch(program, events::kRequireSignedVariable);
  if (!required) return Fail(program, required.error());
  arguments.require_signed |= *required;
  return VerifyRun(program, arguments, *std::move(keys)).Run();
}

}  // namespace

void AddSignCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<SignArguments>();
  auto* command = app.add_subcommand("sign", "Print events in signed envelopes");
  AddInputOptions(*command, arguments->input);
  command->add_flag("--public-key", arguments->public_key,
                    "Print the key file that verifies what this key signs, and sign nothing");
  command->footer(
      "\nThe key comes from the variables CELLOS_EVENT_SIGNING (ed25519 or hmac), CELLOS_EVENT_SIGNING_KID "
      "and\n"
      "CELLOS_EVENT_SIGNING_KEY_BASE64. What cannot be signed is reported on the error stream.\n\n"
      "Examples:\n  evsink sign < events.jsonl > signed.jsonl\n  evsink sign --public-key > keys.json\n\n"
      "Exit status: 0 all are signed, 1 one is not, 2 wrong usage or no key, 5 a file cannot be read.");
  command->callback([&program, arguments] {
    program.action = [&program, arguments] { return Sign(program, *arguments); };
  });
}

void AddVerifyCommand(CLI::App& app, Program& program) {
  const auto arguments = std::make_shared<VerifyArguments>();
  auto* command = app.add_subcommand("verify", "Say whether signed events are what was signed");
  AddInputOptions(*command, arguments->input);
  command
      ->add_option("--keys", arguments->keys,
                   "Public keys: a JSON object of kid and key (CELLOS_EVENT_VERIFY_KEYS_PATH)")
      ->type_name("FILE");
  command->add_flag("--require-signed", arguments->require_signed,
                    "An event that is not signed is a failure (CELLOS_EVENT_REQUIRE_SIGNED)");
  command->add_flag("--now", arguments->at_this_time,
                    "Refuse events whose notbefore and notafter do not hold at this moment");
  command->add_flag("--events", arguments->print_events,
                    "Print the verified events themselves, and report the rest on the error stream");
  command->add_flag("-q,--quiet", arguments->input.quiet, "Only what is not verified");
  command->footer(
      "\nFor HMAC the key is that of the variables of `evsink sign`.\n\n"
      "Examples:\n  evsink verify --keys keys.json --require-signed archive.jsonl\n"
      "  evsink verify --keys keys.json --events < archive.jsonl > events.jsonl\n\n"
      "Exit status: 0 every signature holds, 4 one does not or a line is no event, 2 wrong usage or keys, 5 "
      "a\n"
      "file cannot be read.");
  command->callback([&program, arguments] {
    program.action = [&program, arguments] { return Verify(program, *arguments); };
  });
}

}  // namespace jammi::evsink
