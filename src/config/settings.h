// The table of settings: each is declared here once, and parsing, overrides by the environment,
// validation, `jammi config show` and docs/configuration.md are all derived from it.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/value.h"
#include "jammi/config.h"

namespace jammi {

struct Setting {
  std::string_view key;           // "catalog.pool_size"
  std::string_view kind;          // belongs to this kind of its tagged section only; empty = to every kind
  std::string_view unit;          // "rows"; may be empty
  std::string_view text;          // for the reader of the documentation: what it does, and what it costs
  std::string_view default_text;  // said instead of the default where that depends on the machine
  int64_t min = 0;                // kInteger, kSize, each number of kLimits
  int64_t max = 0;
  double float_max = 0;        // kFloat: above 0 (or from 0, if zero_allowed) up to this
  bool zero_allowed = false;   //
  TextCheck format = nullptr;  // kText, the keys that are paths, the names of the tables of kLimits
  bool secret = false;         // never printed
  bool required = false;       // when its kind is chosen
  bool used = true;            // false: accepted, and nothing in this version reads it yet

  // The rest is derived from the field of Config by the table's builder.
  SettingType type = SettingType::kText;
  bool optional = false;
  std::vector<std::string_view> choices;
  // Whether the section holds this setting now: the tagged section is of its kind.
  std::function<bool(const Config&)> applies;
  // nullopt: not set, or does not apply.
  std::function<std::optional<SettingValue>(const Config&)> get;
  // REQUIRES: it applies; `value` has the setting's type and passed CheckValue().
  std::function<void(Config&, const SettingValue&)> set;
};

// "JAMMI_CATALOG__POOL_SIZE"; empty for a setting without such a variable (a table of texts).
[[nodiscard]] std::string EnvironmentName(const Setting& setting);

// Whether the value is within range, choices and format.
[[nodiscard]] OrComplaint<void> CheckValue(const Setting& setting, const SettingValue& value);
// "1 to 1024 rows", "one of full, normal"; empty where the type says it all.
[[nodiscard]] std::string RangeText(const Setting& setting);

// In the order of the documentation; the settings of a section stand together.
[[nodiscard]] std::span<const Setting> AllSettings();

// A section whose key `kind` chooses what other keys it has. The kind itself is a setting, too.
struct SectionKind {
  std::string_view name;
  std::string_view text;
  // Not empty: an engine with this kind does not start in this build, and this says what to do.
  std::string_view refusal;
};
struct TaggedSection {
  std::string_view key;   // "catalog"
  bool optional = false;  // absent unless its kind is given
  std::vector<SectionKind> kinds;
  // Index into kinds; nullopt: the optional section is absent.
  std::function<std::optional<size_t>(const Config&)> current;
  // Makes the section one of this kind, with its defaults, unless it is already.
  std::function<void(Config&, size_t)> select;
};
[[nodiscard]] std::span<const TaggedSection> AllTaggedSections();
[[nodiscard]] const TaggedSection* FindTaggedSection(std::string_view key);

struct SectionInfo {
  std::string_view key;   // "embedding.ann"
  std::string_view text;  // one or two sentences
};
// In the order of the documentation. The settings outside of sections are not listed here.
[[nodiscard]] std::span<const SectionInfo> AllSections();

// "embedding.ann" for "embedding.ann.connectivity"; empty for "artifact_dir".
[[nodiscard]] std::string_view SectionOf(std::string_view key);
// "connectivity" for "embedding.ann.connectivity".
[[nodiscard]] std::string_view LastName(std::string_view key);
[[nodiscard]] bool IsSection(std::string_view key);
// The key of a setting or section that was probably meant: a near name in the same section, else the
// same name in another; empty if there is none.
[[nodiscard]] std::string NearestKey(std::string_view unknown);

}  // namespace jammi
