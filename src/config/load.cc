#include "config/load.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "base/log.h"
#include "base/text.h"
#include "config/environment.h"
#include "config/interpolate.h"
#include "config/settings.h"
#include "config/toml_tree.h"
#include "config/toml_value.h"
#include "config/validate.h"

namespace jammi {
namespace {

namespace fs = std::filesystem;
using Source = ConfigOrigin::Source;

const TomlNode* FindNode(const TomlTable& table, std::string_view key) {
  const size_t dot = key.find('.');
  const auto at = std::ranges::find(table, key.substr(0, dot), &TomlEntry::key);
  if (at == table.end() || dot == std::string_view::npos) return at == table.end() ? nullptr : &at->node;
  const auto* inner = std::get_if<TomlTable>(&at->node.value);
  return inner != nullptr ? FindNode(*inner, key.substr(dot + 1)) : nullptr;
}

std::string Collapse(std::string_view name) {
  std::string collapsed;
  for (const char c : name) {
    if (c != '_' || !collapsed.ends_with('_')) collapsed += c;
  }
  return collapsed;
}

// From a file and variables to a Config, and for each value where it was said.
class Loader {
 public:
  Loader(const Environment& environment, fs::path directory)
      : environment_(environment), directory_(std::move(directory)) {}

  Result<LoadedConfig> Load(const std::optional<ConfigFile>& file) {
    TomlTable document;
    if (file) {
      loaded_.file = file->path;
      file_name_ = file->name;
      if (!Parse(file->text, document)) return ToError(std::move(problems_));
    }
    for (const auto& section : AllTaggedSections()) SelectKind(section, FindNode(document, section.key));
    ApplyTable("", document);
    ApplyEnvironment();
    if (loaded_.config.artifact_dir.empty() && !loaded_.origins.contains("artifact_dir")) {
      loaded_.config.artifact_dir = FindDirectories(ThisPlatform(), environment_).data.value_or(".jammi");
    }
    MakePathsAbsolute();
    AddRuleProblems();
    if (!problems_.empty()) return ToError(std::move(problems_));
    WarnOfUnused();
    return std::move(loaded_);
  }

 private:
  [[nodiscard]] ConfigOrigin InFile(TextPosition at) const {
    const auto original = map_.ToFile(at);
    return {.source = Source::kFile, .name = file_name_, .line = original.line, .column = original.column};
  }
  static ConfigOrigin InVariable(const std::string& name) {
    return {.source = Source::kEnvironment, .name = name};
  }

  void Complain(std::string_view key, Complaint complaint, ConfigOrigin origin) {
    problems_.push_back(MakeProblem(std::string(key), std::move(complaint), std::move(origin)));
  }

  // False: the text is of no use; the problems are recorded.
  bool Parse(std::string_view text, TomlTable& document) {
    auto interpolated = Interpolate(text, environment_);
    for (auto& problem : interpolated.problems) {
      Complain("", {std::move(problem.message), {}}, InFile(problem.at));
    }
    if (!problems_.empty()) return false;
    map_ = std::move(interpolated.map);
    auto parsed = ParseToml(interpolated.text);
    if (parsed) {
      document = std::move(*parsed);
      return true;
    }
    // The library quotes the text; where a variable's value stands for TOML itself, that may be a secret.
    const auto variable = map_.BareVariable(parsed.error().at.line);
    auto message = variable.empty() ? parsed.error().message
                                    : fmt::format("not TOML once ${{{}}} is replaced by its value", variable);
    Complain("", {std::move(message), {}}, InFile(parsed.error().at));
    return false;
  }

  // Chooses the kind of a tagged section (variable over file over default) before its other keys are read.
  void SelectKind(const TaggedSection& section, const TomlNode* node) {
    const auto key = fmt::format("{}.kind", section.key);
    const auto& setting = *std::ranges::find(AllSettings(), key, &Setting::key);
    const auto* table = node != nullptr ? std::get_if<TomlTable>(&node->value) : nullptr;
    const auto* in_file = table != nullptr ? FindNode(*table, "kind") : nullptr;
    const auto variable = environment_.find(EnvironmentName(setting));
    const bool overridden = variable != environment_.end();
    const size_t before = problems_.size();
    if (in_file != nullptr) {
      Apply(setting, FromToml(setting.type, *in_file), InFile(in_file->at));
      if (const auto kind = setting.get(loaded_.config)) {
        kinds_in_file_[section.key] = std::get<std::string>(*kind);
      }
    } else if (table != nullptr && !overridden) {
      Complain(key, {fmt::format("is required; {}", RangeText(setting)), {}}, InFile(node->at));
    }
    if (overridden) ApplyVariable(setting, variable->first, variable->second);
    if (problems_.size() > before) unknown_kinds_.insert(section.key);
  }

  // The kind itself, and whatever stands in a section whose kind is wrong: SelectKind() has spoken of it.
  [[nodiscard]] bool IsSettledByKind(std::string_view section, std::string_view name) const {
    return FindTaggedSection(section) != nullptr && (name == "kind" || unknown_kinds_.contains(section));
  }

  void ApplyTable(const std::string& section, const TomlTable& table) {
    for (const auto& entry : table) {
      const auto key = section.empty() ? entry.key : fmt::format("{}.{}", section, entry.key);
      // A quoted name with a dot in it is no path.
      const bool section_name = entry.key.find('.') == std::string::npos && IsSection(key);
      if (!section_name) {
        ApplyEntry(key, entry);
      } else if (const auto* inner = std::get_if<TomlTable>(&entry.node.value)) {
        ApplyTable(key, *inner);
      } else {
        Complain(key, {fmt::format("expected a table, found {}", TypeName(entry.node)), {}},
                 InFile(entry.node.at));
      }
    }
  }

  void ApplyEntry(const std::string& key, const TomlEntry& entry) {
    const auto section = SectionOf(key);
    if (IsSettledByKind(section, entry.key)) return;
    const auto named = [&](const Setting& setting) {
      return setting.key == key && entry.key.find('.') == std::string::npos;
    };
    const auto known = std::ranges::find_if(AllSettings(), named);
    if (known == AllSettings().end()) {
      const bool table = std::holds_alternative<TomlTable>(entry.node.value);
      Complain(key, {table ? "unknown section" : "unknown key", NearestKey(key)}, InFile(entry.at));
      return;
    }
    if (const auto* setting = FindApplicable(named)) {
      Apply(*setting, FromToml(setting->type, entry.node), InFile(entry.node.at));
    } else if (BelongsToFilesKind(section, named)) {
      Warn(key, InFile(entry.at),
           fmt::format("{} is not used: a variable has chosen another {}.kind", key, section));
    } else {
      Complain(key, OtherKind(*known), InFile(entry.at));
    }
  }

  // A name may stand in several kinds of a section; this is the one of the kind that was chosen.
  template <class Named>
  const Setting* FindApplicable(const Named& named) const {
    for (const auto& setting : AllSettings()) {
      if (named(setting) && setting.applies(loaded_.config)) return &setting;
    }
    return nullptr;
  }

  template <class Named>
  bool BelongsToFilesKind(std::string_view section, const Named& named) const {
    const auto kind = kinds_in_file_.find(section);
    return kind != kinds_in_file_.end() && std::ranges::any_of(AllSettings(), [&](const Setting& setting) {
             return named(setting) && setting.kind == kind->second;
           });
  }

  Complaint OtherKind(const Setting& setting) const {
    const auto section = SectionOf(setting.key);
    std::vector<std::string_view> kinds;
    for (const auto& other : AllSettings()) {
      if (other.key == setting.key) kinds.push_back(other.kind);
    }
    const auto* tagged = FindTaggedSection(section);
    const auto current = tagged->current(loaded_.config);
    const auto chosen = current ? fmt::format("it is \"{}\"", tagged->kinds[*current].name) : "it is not set";
    return {fmt::format("goes with {}.kind = \"{}\", and {}", section, fmt::join(kinds, "\" or \""), chosen),
            {}};
  }

  void ApplyVariable(const Setting& setting, const std::string& name, const std::string& text) {
    if (!IsValidUtf8(text)) return Complain(setting.key, {"is no UTF-8 text", {}}, InVariable(name));
    Apply(setting, ParseValue(setting.type, text), InVariable(name));
  }

  void Apply(const Setting& setting, OrComplaint<SettingValue> value, ConfigOrigin origin) {
    if (!value) return Complain(setting.key, std::move(value).error(), std::move(origin));
    if (auto checked = CheckValue(setting, *value); !checked) {
      return Complain(setting.key, std::move(checked).error(), std::move(origin));
    }
    setting.set(loaded_.config, *value);
    loaded_.origins[std::string(setting.key)] = std::move(origin);
  }

  void ApplyEnvironment() {
    for (const auto& [name, text] : environment_) {
      if (!name.starts_with("JAMMI_")) continue;
      const auto named = [&variable = name](const Setting& setting) {
        return EnvironmentName(setting) == variable;
      };
      const auto known = std::ranges::find_if(AllSettings(), named);
      if (known == AllSettings().end()) {
        CheckUnknownVariable(name);
        continue;
      }
      const auto section = SectionOf(known->key);
      if (IsSettledByKind(section, LastName(known->key))) continue;
      if (const auto* setting = FindApplicable(named)) {
        ApplyVariable(*setting, name, text);
      } else {
        Complain(known->key, OtherKind(*known), InVariable(name));
      }
    }
  }

  // JAMMI_<SECTION>__... is ours alone, so there an unknown name is an error. Elsewhere other programs
  // may have variables of their own, and only a clear slip is worth a warning.
  void CheckUnknownVariable(const std::string& name) {
    if (name == "JAMMI_AUDIT_MAX_LINEAGE_BYTES") return;  // the audit log reads it itself
    std::vector<std::string> known;
    for (const auto& setting : AllSettings()) known.push_back(EnvironmentName(setting));
    const auto first = std::string_view(name).substr(6);
    const size_t end = first.find("__");
    std::string section(first.substr(0, end));
    std::ranges::transform(section, section.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (end != std::string_view::npos && IsSection(section)) {
      const std::vector<std::string_view> candidates(known.begin(), known.end());
      Complain("", {"names no setting", Nearest(name, candidates)}, InVariable(name));
      return;
    }
    const auto slip = std::ranges::find(known, Collapse(name), Collapse);
    if (slip != known.end() && !slip->empty()) {
      Warn("", InVariable(name), fmt::format("{} is not used; did you mean {}?", name, *slip));
    }
  }

  void MakePathsAbsolute() {
    for (const auto& setting : AllSettings()) {
      if (setting.type != SettingType::kPath) continue;
      const auto value = setting.get(loaded_.config);
      if (!value || std::get<std::string>(*value).empty()) continue;
      setting.set(loaded_.config, (directory_ / std::get<std::string>(*value)).lexically_normal().string());
    }
  }

  // What holds for the whole, said of the place that set the value; silent where a section is wrong already.
  void AddRuleProblems() {
    std::set<std::string> wrong;
    for (const auto& problem : problems_) wrong.emplace(SectionOf(problem.key));
    for (auto& problem : FindProblems(loaded_.config)) {
      if (wrong.contains(std::string(SectionOf(problem.key)))) continue;
      problem.origin = PlaceOf(problem.key);
      problems_.push_back(std::move(problem));
    }
  }

  // Where the setting was made; for one that was not, the place of its section's kind.
  [[nodiscard]] ConfigOrigin PlaceOf(const std::string& key) const {
    for (const auto& name : {key, fmt::format("{}.kind", SectionOf(key))}) {
      if (const auto at = loaded_.origins.find(name); at != loaded_.origins.end()) return at->second;
    }
    return {};
  }

  void Warn(std::string_view key, ConfigOrigin origin, std::string message) {
    loaded_.warnings.push_back({std::string(key), std::move(origin), std::move(message)});
  }

  void WarnOfUnused() {
    for (const auto& setting : AllSettings()) {
      const auto at = loaded_.origins.find(std::string(setting.key));
      if (setting.used || at == loaded_.origins.end() || !setting.applies(loaded_.config)) continue;
      Warn(setting.key, at->second, fmt::format("{} is set but not used by this version", setting.key));
    }
  }

  const Environment& environment_;
  fs::path directory_;
  std::string file_name_;
  SourceMap map_;
  std::map<std::string_view, std::string> kinds_in_file_;  // by tagged section
  std::set<std::string_view> unknown_kinds_;               // tagged sections whose kind is wrong
  std::vector<ConfigProblem> problems_;
  LoadedConfig loaded_;
};

void LogWarnings(const LoadedConfig& loaded) {
  if (loaded.warnings.empty()) return;
  std::vector<std::string_view> messages;
  messages.reserve(loaded.warnings.size());
  for (const auto& warning : loaded.warnings) messages.push_back(warning.message);
  Log(LogLevel::kWarning, "configuration: {}", fmt::join(messages, "; "));
}

}  // namespace

std::string ToString(const ConfigOrigin& origin) {
  switch (origin.source) {
    case Source::kDefault:
      break;
    case Source::kEnvironment:
      return fmt::format("environment variable {}", origin.name);
    case Source::kFile:
      return origin.line > 0 ? fmt::format("{}:{}:{}", origin.name, origin.line, origin.column) : origin.name;
  }
  return "default";
}

Result<LoadedConfig> LoadFrom(const std::optional<ConfigFile>& file, const Environment& environment,
                              const fs::path& directory) {
  return Loader(environment, directory).Load(file);
}

Result<LoadedConfig> LoadConfig(const LoadOptions& options) {
  const Environment environment = options.environment ? *options.environment : ProcessEnvironment();
  std::error_code error;
  const fs::path directory = options.current_directory ? *options.current_directory : fs::current_path(error);
  if (error) {
    return Error(ErrorCode::kFailedPrecondition, fmt::format("the current directory: {}", error.message()));
  }
  JAMMI_ASSIGN(const auto file, FindConfigFile(options, environment, directory));
  JAMMI_ASSIGN(auto loaded, LoadFrom(file, environment, directory));
  if (options.log_warnings) LogWarnings(loaded);
  return loaded;
}

}  // namespace jammi
