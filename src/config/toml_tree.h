// A TOML document as a plain tree with positions. The TOML library is known to toml_tree.cc alone.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/interpolate.h"

namespace jammi {

struct TomlNode;
struct TomlEntry;
using TomlArray = std::vector<TomlNode>;
using TomlTable = std::vector<TomlEntry>;  // in no particular order
struct TomlTime {};                        // a date or time; no setting is one

struct TomlNode {
  TextPosition at;
  std::variant<bool, int64_t, double, std::string, TomlTime, TomlArray, TomlTable> value;
};
struct TomlEntry {
  std::string key;
  TextPosition at;
  TomlNode node;
};

struct TomlProblem {
  std::string message;  // the library's; may quote a little of the text
  TextPosition at;
};

[[nodiscard]] std::expected<TomlTable, TomlProblem> ParseToml(std::string_view text);
// "a string", "a table"
[[nodiscard]] std::string_view TypeName(const TomlNode& node);

}  // namespace jammi
