// Header-only and without exceptions: no run-time dependency, and no throw to translate.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include "config/toml_tree.h"

namespace jammi {
namespace {

TextPosition Position(const toml::source_region& source) {
  return {static_cast<int>(source.begin.line), static_cast<int>(source.begin.column)};
}

TomlNode Convert(const toml::node& node);

TomlTable ConvertTable(const toml::table& table) {
  TomlTable entries;
  for (const auto& [key, node] : table) {
    entries.push_back({std::string(key.str()), Position(key.source()), Convert(node)});
  }
  return entries;
}

TomlNode Convert(const toml::node& node) {
  TomlNode converted{.at = Position(node.source()), .value = TomlTime{}};
  if (const auto* flag = node.as_boolean()) converted.value = flag->get();
  if (const auto* number = node.as_integer()) converted.value = number->get();
  if (const auto* number = node.as_floating_point()) converted.value = number->get();
  if (const auto* text = node.as_string()) converted.value = text->get();
  if (const auto* table = node.as_table()) converted.value = ConvertTable(*table);
  if (const auto* array = node.as_array()) {
    TomlArray items;
    for (const auto& item : *array) items.push_back(Convert(item));
    converted.value = std::move(items);
  }
  return converted;
}

}  // namespace

std::expected<TomlTable, TomlProblem> ParseToml(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return std::unexpected(
        TomlProblem{std::string(parsed.error().description()), Position(parsed.error().source())});
  }
  return ConvertTable(parsed.table());
}

std::string_view TypeName(const TomlNode& node) {
  static constexpr std::string_view kNames[] = {"true or false", "a whole number", "a number with a fraction",
                                                "a string",      "a date or time", "a list",
                                                "a table"};
  return kNames[node.value.index()];
}

}  // namespace jammi
