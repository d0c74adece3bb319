#include "config/report.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>

#include "config/settings.h"

namespace jammi {
namespace {

using Json = nlohmann::ordered_json;

ConfigOrigin OriginOf(const LoadedConfig& loaded, const Setting& setting) {
  const auto at = loaded.origins.find(std::string(setting.key));
  return at == loaded.origins.end() ? ConfigOrigin{} : at->second;
}

// A secret that is there: an empty table of secrets hides nothing.
bool IsHidden(const Setting& setting, const SettingValue& value) {
  const auto* map = std::get_if<TextMap>(&value);
  return setting.secret && (map == nullptr || !map->empty());
}

// An optional section without a kind is not there at all.
bool IsAbsent(const Config& config, std::string_view section) {
  const auto* tagged = FindTaggedSection(section);
  return tagged != nullptr && !tagged->current(config);
}

// So that the text reads back as itself where the file's variables are replaced.
std::string EscapeDollars(std::string_view text) {
  std::string escaped;
  for (size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : ' ';
    escaped += text[i] == '$' && (next == '$' || next == '{') ? "$$" : std::string(1, text[i]);
  }
  return escaped;
}

Json ToJson(const SettingValue& value) {
  return std::visit([](const auto& held) { return Json(held); }, value);
}

Json ToJson(const ConfigOrigin& origin) {
  switch (origin.source) {
    case ConfigOrigin::Source::kDefault:
      break;
    case ConfigOrigin::Source::kEnvironment:
      return {{"source", "environment"}, {"name", origin.name}};
    case ConfigOrigin::Source::kFile:
      return {{"source", "file"}, {"name", origin.name}, {"line", origin.line}, {"column", origin.column}};
  }
  return {{"source", "default"}};
}

}  // namespace

std::string ShowAsToml(const LoadedConfig& loaded) {
  std::string text = loaded.file ? fmt::format("# From {} and the environment.\n", loaded.file->string())
                                 : "# No file; from the environment.\n";
  const auto out = std::back_inserter(text);
  std::string_view section;
  for (const auto& setting : AllSettings()) {
    if (!setting.applies(loaded.config) || IsAbsent(loaded.config, SectionOf(setting.key))) continue;
    if (SectionOf(setting.key) != section) {
      section = SectionOf(setting.key);
      fmt::format_to(out, "\n[{}]\n", section);
    }
    const auto name = LastName(setting.key);
    const auto value = setting.get(loaded.config);
    const auto origin = ToString(OriginOf(loaded, setting));
    if (!value) {
      fmt::format_to(out, "# {} is not set\n", name);
    } else if (IsHidden(setting, *value)) {
      fmt::format_to(out, "# {} = [secret]  # {}\n", name, origin);
    } else {
      fmt::format_to(out, "{} = {}  # {}\n", name, EscapeDollars(ToToml(setting.type, *value)), origin);
    }
  }
  return text;
}

std::string ShowAsJson(const LoadedConfig& loaded) {
  Json settings = Json::object();
  for (const auto& setting : AllSettings()) {
    if (!setting.applies(loaded.config)) continue;
    const auto value = setting.get(loaded.config);
    const bool hidden = value && IsHidden(setting, *value);
    settings[std::string(setting.key)] = {{"value", hidden  ? Json("[secret]")
                                                    : value ? ToJson(*value)
                                                            : Json()},
                                          {"origin", ToJson(OriginOf(loaded, setting))}};
  }
  Json warnings = Json::array();
  for (const auto& warning : loaded.warnings) {
    warnings.push_back({{"message", warning.message}, {"origin", ToJson(warning.origin)}});
  }
  const Json all = {{"file", loaded.file ? Json(loaded.file->string()) : Json()},
                    {"settings", std::move(settings)},
                    {"warnings", std::move(warnings)}};
  // Bytes that are no UTF-8 (a path may have some) are replaced rather than thrown about.
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// --- The page.

namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

<!-- Written by `jammi config docs`; the texts are in src/config/settings.cc. A test compares the two. -->

Nothing must be configured: without a file, everything has the default below. `jammi config check` says whether
a configuration is right, `jammi config show` what is in force and where each value comes from.

## Where values come from

**The environment wins over the file, the file over the default.** The file is TOML, and it is the first of

1. the one that is named by `--config` (or by the program that embeds the library);
2. the one that the variable `JAMMI_CONFIG` names;
3. `./jammi.toml`;
4. `config.toml` in `$XDG_CONFIG_HOME/jammi`, else in `~/.config/jammi`.

A file that is named must exist. Nothing is ignored silently: an unknown key, section, kind or value, a number out of
its range, or an unknown variable that begins with a section's name (`JAMMI_ENGINE__...`) is an error with file, line,
column and the nearest known name; all errors are reported at once. A setting that nothing in this version uses is
accepted, so that existing files load, and warned about.

Relative paths are meant from the current directory. Sizes are numbers of bytes or text with a unit: `KB`, `MB`, `GB`,
`TB` are powers of 1000, `KiB`, `MiB`, `GiB`, `TiB` powers of 1024.

### Variables instead of the file

Every setting that is one value or a list has the variable `JAMMI_<SECTION>__<KEY>`, with `__` for every dot; it is
named below its key. The text is taken as it is: nothing is trimmed, `true` and `false` are the only truth values.
Lists have commas between their items. A field of a section with kinds may only be set for the kind in force.

### Variables inside the file

`${NAME}` is replaced by the variable's value before the file is read as TOML.

| Written | Means |
|---|---|
| `${NAME}` | the variable's value; it is an error if the variable is not set. Set but empty is empty |
| `$$` | a single `$` |
| any other `$` | itself |

A value is not searched for variables again. In double quotes it may be any text; it is escaped, so a quote or a line
break in a password stays part of the password. In single quotes it may not have single quotes or line breaks.
Outside of quotes it stands for TOML itself (a number, a list) and must be complete on its line. Comments are left
alone. `${` without `}`, or around something that is no name, is an error.

### Other variables

| Variable | Means |
|---|---|
| `JAMMI_CONFIG` | the configuration file |
| `XDG_CONFIG_HOME`, `XDG_DATA_HOME`, `HOME` | where the file is searched, and the default of `artifact_dir` |

## Settings
)";

std::string_view TypeText(const Setting& setting) {
  switch (setting.type) {
    case SettingType::kBool:
      return "`true` or `false`";
    case SettingType::kInteger:
      return "whole number";
    case SettingType::kSize:
      return "size";
    case SettingType::kFloat:
      return "number";
    case SettingType::kText:
      return "text";
    case SettingType::kPath:
      return "path";
    case SettingType::kChoice:
      return "";
    case SettingType::kTextList:
      return "list of texts";
    case SettingType::kTextMap:
      return "table of texts";
    case SettingType::kLimits:
      return "table of tables";
    case SettingType::kServices:
      return "`\"all\"` or list";
  }
  return "";
}

std::string ValuesCell(const Setting& setting) {
  if (setting.type == SettingType::kChoice) {
    std::string cell;
    for (const auto choice : setting.choices)
      cell += fmt::format("{}`\"{}\"`", cell.empty() ? "" : ", ", choice);
    return cell;
  }
  std::string cell(TypeText(setting));
  if (const auto range = RangeText(setting); !range.empty()) cell += fmt::format(", {}", range);
  if (!setting.unit.empty() && setting.type != SettingType::kSize) cell += fmt::format(" {}", setting.unit);
  return setting.secret ? cell + ", secret" : cell;
}

std::string DefaultCell(const Setting& setting, const Config& config) {
  if (!setting.default_text.empty()) return std::string(setting.default_text);
  if (setting.required) return "required";
  const auto value = setting.get(config);
  return value ? fmt::format("`{}`", ToToml(setting.type, *value)) : "not set";
}

// A Config whose section is of this kind, with that kind's defaults.
Config WithKind(std::string_view section, std::string_view kind) {
  Config config;
  const auto* tagged = FindTaggedSection(section);
  for (size_t i = 0; tagged != nullptr && i < tagged->kinds.size(); ++i) {
    if (tagged->kinds[i].name == kind) tagged->select(config, i);
  }
  return config;
}

// The settings of one section and kind, or nothing.
void AppendTable(std::string& page, std::string_view section, std::string_view kind) {
  const auto config = WithKind(section, kind);
  std::string rows;
  for (const auto& setting : AllSettings()) {
    if (SectionOf(setting.key) != section || setting.kind != kind) continue;
    const auto variable = EnvironmentName(setting);
    rows += fmt::format("| `{}`{} | {} | {} | {}{} |\n", LastName(setting.key),
                        variable.empty() ? "" : fmt::format("<br>`{}`", variable), ValuesCell(setting),
                        DefaultCell(setting, config), setting.text,
                        setting.used ? "" : " *Not used by this version.*");
  }
  if (rows.empty()) return;
  page += "\n| Key and variable | Values | Default | Meaning |\n|---|---|---|---|\n" + rows;
}

void AppendKinds(std::string& page, const TaggedSection& section) {
  for (const auto& kind : section.kinds) {
    page += fmt::format("\n#### `{}.kind = \"{}\"`\n\n{}", section.key, kind.name, kind.text);
    if (!kind.refusal.empty())
      page +=
          " *Not in this version: a configuration that says so loads, and no engine starts "
          "with it.*";
    page += '\n';
    AppendTable(page, section.key, kind.name);
  }
}

}  // namespace

std::string ConfigurationPage() {
  std::string page(kIntroduction);
  AppendTable(page, "", "");
  for (const auto& section : AllSections()) {
    page += fmt::format("\n### `[{}]`\n\n{}\n", section.key, section.text);
    AppendTable(page, section.key, "");
    if (const auto* tagged = FindTaggedSection(section.key)) AppendKinds(page, *tagged);
  }
  return page;
}

}  // namespace jammi
