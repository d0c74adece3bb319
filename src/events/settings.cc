// Reads the variables of the event sink family (section 6) and the options of ours.
#include "jammi/events/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "events/sink_error.h"
#include "events/sink_options.h"
#include "jammi/events/text_redaction.h"

namespace jammi::events {
namespace {

constexpr std::string_view kOptionPrefix = "EVSINK_";

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  const auto lower = AsciiLower(Trim(text));
  return std::ranges::find(words, lower) != words.end();
}

class Reader {
 public:
  Reader(const Environment& environment, const std::map<std::string, std::string>& options,
         const std::optional<RunContext>& run)
      : environment_(environment), options_(options), run_(run) {}

  Result<SinkSettings> Read() {
    ReadOptions();
    ReadFlags();
    ReadTransport();
    ReadRedaction();
    ReadSigning();
    ReadFiles();
    if (!problems_.empty()) return SinkError(SinkFault::kConfigError, problems_);
    return std::move(draft_.settings);
  }

 private:
  // Null: not set. An empty text is a text.
  [[nodiscard]] const std::string* Find(const std::string& name) const {
    const auto found = environment_.find(name);
    return found == environment_.end() ? nullptr : &found->second;
  }
  // Null: not set, or blank.
  [[nodiscard]] const std::string* FindText(const std::string& name) const {
    const auto* text = Find(name);
    return text == nullptr || Trim(*text).empty() ? nullptr : text;
  }

  void Warn(std::string variable, std::string_view what) {
    std::string message = fmt::format("{}: {}", variable, what);
    settings_.warnings.push_back({std::move(variable), std::move(message)});
  }
  void Problem(std::string_view what) {
    if (!problems_.empty()) problems_ += '\n';
    problems_ += what;
  }

  // --- Options of ours

  void ReadOptions() {
    for (const SinkOption& option : SinkOptions()) {
      const std::string variable = VariableOf(option);
      const auto given = options_.find(std::string(option.name));
      const auto* set = Find(variable);
      if (given != options_.end()) {
        Apply(option, "option " + given->first, given->second);
      } else if (set != nullptr && !set->empty()) {
        Apply(option, variable, *set);
      }
    }
    RefuseUnknown();
  }

  void Apply(const SinkOption& option, std::string_view where, const std::string& text) {
    const std::string wrong = ApplyOption(option.name, text, draft_);
    if (!wrong.empty()) Problem(fmt::format("{}: '{}': {}", where, RedactUrlCredentials(text), wrong));
  }

  // A name that nobody reads is a setting that nobody obeys.
  void RefuseUnknown() {
    std::vector<std::string> known;
    for (const SinkOption& option : SinkOptions()) known.push_back(VariableOf(option));
    for (const auto& [name, text] : environment_) {
      if (!name.starts_with(kOptionPrefix) || std::ranges::find(known, name) != known.end()) continue;
      Problem(Unknown("", name, known));
    }
    for (std::string& name : known) name = AsciiLower(name.substr(kOptionPrefix.size()));
    for (const auto& [name, text] : options_) {
      if (std::ranges::find(known, name) == known.end()) Problem(Unknown("option ", name, known));
    }
  }
  static std::string Unknown(std::string_view what, const std::string& name,
                             const std::vector<std::string>& known) {
    const std::vector<std::string_view> names(known.begin(), known.end());
    const std::string nearest = Nearest(name, names);
    return fmt::format("{}{} is not known{}", what, name,
                       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
  }

  // --- Switches (SNK-056 to 059)

  // On by being there, whatever it says.
  bool Present(const std::string& name) {
    const auto* text = Find(name);
    if (text == nullptr) return false;
    if (IsOneOf(*text, {"", "0", "false", "no", "off"})) {
      Warn(name, fmt::format("'{}' turns it on all the same: it is on whenever it is set", *text));
    }
    return true;
  }

  void ReadFlags() {
    settings_.require_jetstream = Present("CELL_OS_REQUIRE_JETSTREAM");
    settings_.use_noop = Present("CELL_OS_USE_NOOP_SINK");
    if (settings_.require_jetstream && settings_.use_noop) {
      Warn("CELL_OS_USE_NOOP_SINK",
           "wins over CELL_OS_REQUIRE_JETSTREAM, which is set too: no event is delivered to anyone");
    }
    const auto* strict = Find("CELLOS_STRICT_CONFIG");
    if (strict != nullptr) {
      settings_.strict = IsOneOf(*strict, {"1", "true", "yes", "on"});
      if (!settings_.strict && !IsOneOf(*strict, {"", "0", "false", "no", "off"})) {
        Warn("CELLOS_STRICT_CONFIG",
             fmt::format("'{}' leaves it off: it is on for 1, true, yes and on", *strict));
      }
    }
    ReadProfile(strict != nullptr);
  }

  void ReadProfile(bool strict_is_set) {
    constexpr std::string_view kHardened = "hardened";
    const auto* profile = FindText("CELLOS_DEPLOYMENT_PROFILE");
    if (profile == nullptr) return;
    const std::string name = AsciiLower(Trim(*profile));
    if (name == kHardened) {
      settings_.require_jetstream = true;
      if (!strict_is_set) settings_.strict = true;
    } else if (!Nearest(name, std::array{kHardened}).empty()) {
      Warn("CELLOS_DEPLOYMENT_PROFILE",
           fmt::format("'{}' is not known; did you mean {}?", *profile, kHardened));
    }
  }

  // --- Where to

  void ReadTransport() {
    if (const auto* url = Find("NATS_URL")) settings_.url = Secret(*url);
    if (const auto* file = FindText("NATS_CA_FILE")) settings_.ca_file = *file;
    auto subject = draft_.subject_template.empty()
                       ? StartupSubject(environment_, run_, settings_.jetstream.tenant_policy)
                       : Result<std::string>(draft_.subject_template);
    if (!subject) {
      Problem(subject.error().message());
    } else if (const auto usable = CheckSubjectTemplate(*subject); !usable) {
      Problem(usable.error().message());
    } else {
      settings_.subject_template = *std::move(subject);
    }
  }

  // --- Wrappers

  void ReadRedaction() {
    const std::string variable = "CELLOS_REDACT_EVENT_FIELDS";
    const auto* text = Find(variable);
    if (text == nullptr) return;
    auto parsed = ParseRedactNames(*text);
    settings_.redact = std::move(parsed.names);
    for (const std::string& message : parsed.warnings) Warn(variable, message);
    if (settings_.redact.empty() && !Trim(*text).empty()) Warn(variable, "it names nothing to redact");
  }

  void ReadSigning() {
    const auto read = [&](std::string_view name) {
      const auto* text = Find(std::string(name));
      return text == nullptr ? std::nullopt : std::optional(*text);
    };
    const auto key = read(kSigningKeyVariable);
    auto config = ReadSigningConfig(read(kSigningVariable), read(kSigningKidVariable),
                                    key ? std::optional(Secret(*key)) : std::nullopt);
    settings_.signing = std::move(config.key);
    for (const auto& warning : config.warnings) Warn(std::string(warning.variable), warning.message);
  }

  void ReadFiles() {
    if (const auto* directory = FindText("CELLOS_DLQ_DIR")) {
      draft_.dead_letter.directory = std::string(Trim(*directory));
      settings_.dead_letter = draft_.dead_letter;
    }
    if (const auto* path = Find("CELL_OS_JSONL_EVENTS")) {
      if (path->empty()) {
        Warn("CELL_OS_JSONL_EVENTS", "it is empty, so there is no mirror");
      } else {
        draft_.mirror.path = *path;
        settings_.mirror = draft_.mirror;
      }
    }
    if (draft_.spool.directory.empty()) return;
    settings_.spool = draft_.spool;
    if (draft_.start_given && settings_.jetstream.start == SinkStart::kFail) {
      Problem("start=fallback discards events, and spool_dir is there to keep them: leave one of them out");
    }
    settings_.jetstream.start = SinkStart::kInBackground;
  }

  const Environment& environment_;
  const std::map<std::string, std::string>& options_;
  const std::optional<RunContext>& run_;
  SettingsDraft draft_;
  SinkSettings& settings_ = draft_.settings;
  std::string problems_;
};

}  // namespace

Result<SinkSettings> ReadSinkSettings(const Environment& environment,
                                      const std::map<std::string, std::string>& options,
                                      const std::optional<RunContext>& run) {
  return Reader(environment, options, run).Read();
}

}  // namespace jammi::events
