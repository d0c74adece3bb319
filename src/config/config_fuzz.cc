// Any file and any variables: loading ends with a Config or an error, what is shown of a Config loads
// again as the same, and a variable's value between quotes changes nothing but that text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "config/interpolate.h"
#include "config/load.h"
#include "config/report.h"
#include "config/settings.h"
#include "config/toml_tree.h"

namespace jammi {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

Result<LoadedConfig> Load(std::string text, const Environment& environment) {
  return LoadFrom(ConfigFile{"fuzz.toml", "/fuzz.toml", std::move(text)}, environment, "/");
}

void CheckReload(const LoadedConfig& first) {
  const auto second = Load(ShowAsToml(first), {});
  // What was a secret is missing in what is shown, and may have been required.
  for (const auto& setting : AllSettings()) {
    if (setting.secret && setting.get(first.config)) return;
  }
  Require(second.has_value());
  for (const auto& setting : AllSettings()) Require(setting.get(first.config) == setting.get(second->config));
}

// The form of a document, whatever its texts say: order of keys left out, since a key may be a variable's.
std::string Shape(const TomlNode& node) {
  std::vector<std::string> parts;
  if (const auto* array = std::get_if<TomlArray>(&node.value)) {
    for (const auto& item : *array) parts.push_back(Shape(item));
  } else if (const auto* table = std::get_if<TomlTable>(&node.value)) {
    for (const auto& entry : *table) parts.push_back(Shape(entry.node));
  }
  std::sort(parts.begin(), parts.end());
  std::string shape(1, static_cast<char>('0' + node.value.index()));
  for (const auto& part : parts) shape += "(" + part + ")";
  return shape;
}

std::string ShapeWith(std::string_view document, const std::string& value, bool& quoted) {
  const auto interpolated = Interpolate(document, {{"V", value}});
  if (!interpolated.problems.empty()) return {};
  const auto lines = 1 + std::count(document.begin(), document.end(), '\n');
  for (int line = 1; line <= lines; ++line) quoted = quoted && interpolated.map.BareVariable(line).empty();
  auto parsed = ParseToml(interpolated.text);
  return parsed ? Shape({.at = {}, .value = std::move(*parsed)}) : std::string();
}

void CheckQuoting(std::string_view document, const std::string& value) {
  bool quoted = true;
  const auto plain = ShapeWith(document, "plain", quoted);
  const auto given = ShapeWith(document, value, quoted);
  if (quoted && !plain.empty() && !given.empty()) Require(plain == given);
}

}  // namespace
}  // namespace jammi

// The input: a variable's value, a zero byte, the file.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (!jammi::IsValidUtf8(input)) return 0;  // refused when the file is read
  const size_t split = input.find('\0');
  if (split == std::string_view::npos) return 0;
  const std::string value(input.substr(0, split));
  const std::string document(input.substr(split + 1));
  const auto loaded = jammi::Load(document, {{"V", value}});
  if (loaded) jammi::CheckReload(*loaded);
  jammi::CheckQuoting(document, value);
  return 0;
}
