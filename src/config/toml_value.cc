#include "config/toml_value.h"

#include <fmt/format.h>

#include <optional>

#include "base/quantity.h"

namespace jammi {
namespace {

std::string_view ExpectedText(SettingType type) {
  switch (type) {
    case SettingType::kBool:
      return "true or false";
    case SettingType::kInteger:
      return "a whole number";
    case SettingType::kSize:
      return "a number of bytes or text such as \"16MiB\"";
    case SettingType::kFloat:
      return "a number";
    case SettingType::kText:
    case SettingType::kPath:
    case SettingType::kChoice:
      return "a string";
    case SettingType::kTextList:
      return "a list of strings";
    case SettingType::kTextMap:
      return "a table of strings";
    case SettingType::kLimits:
      return "a table of tables of whole numbers or sizes";
    case SettingType::kServices:
      return "\"all\" or a list of strings";
  }
  return {};
}

std::optional<TextList> AllStrings(const TomlArray& array) {
  TextList items;
  for (const auto& node : array) {
    const auto* text = std::get_if<std::string>(&node.value);
    if (text == nullptr) return std::nullopt;
    items.push_back(*text);
  }
  return items;
}

std::optional<TextMap> AllStrings(const TomlTable& table) {
  TextMap items;
  for (const auto& entry : table) {
    const auto* text = std::get_if<std::string>(&entry.node.value);
    if (text == nullptr) return std::nullopt;
    items.emplace(entry.key, *text);
  }
  return items;
}

std::optional<std::map<std::string, int64_t>> AllLimits(const TomlTable& table) {
  std::map<std::string, int64_t> limits;
  for (const auto& entry : table) {
    const auto* number = std::get_if<int64_t>(&entry.node.value);
    const auto* text = std::get_if<std::string>(&entry.node.value);
    const auto size = text != nullptr ? ParseSize(*text) : Quantity<int64_t>(0);
    if ((number == nullptr && text == nullptr) || !size) return std::nullopt;
    limits.emplace(entry.key, number != nullptr ? *number : *size);
  }
  return limits;
}

std::optional<LimitTables> AllTables(const TomlTable& table) {
  LimitTables tables;
  for (const auto& entry : table) {
    const auto* inner = std::get_if<TomlTable>(&entry.node.value);
    auto limits = inner != nullptr ? AllLimits(*inner) : std::nullopt;
    if (!limits) return std::nullopt;
    tables.emplace(entry.key, *std::move(limits));
  }
  return tables;
}

}  // namespace

OrComplaint<SettingValue> FromToml(SettingType type, const TomlNode& node) {
  const auto* number = std::get_if<int64_t>(&node.value);
  const auto* text = std::get_if<std::string>(&node.value);
  const auto* array = std::get_if<TomlArray>(&node.value);
  const auto* table = std::get_if<TomlTable>(&node.value);
  switch (type) {
    case SettingType::kBool:
      if (const auto* flag = std::get_if<bool>(&node.value)) return *flag;
      break;
    case SettingType::kInteger:
      if (number != nullptr) return *number;
      break;
    case SettingType::kSize:
      if (number != nullptr) return *number;
      if (text != nullptr) return ParseValue(type, *text);
      break;
    case SettingType::kFloat:
      if (const auto* real = std::get_if<double>(&node.value)) return *real;
      if (number != nullptr) return static_cast<double>(*number);
      break;
    case SettingType::kText:
    case SettingType::kPath:
    case SettingType::kChoice:
      if (text != nullptr) return *text;
      break;
    case SettingType::kServices:
      if (text != nullptr) return *text;
      [[fallthrough]];
    case SettingType::kTextList:
      if (const auto items = array != nullptr ? AllStrings(*array) : std::nullopt) return *items;
      break;
    case SettingType::kTextMap:
      if (const auto items = table != nullptr ? AllStrings(*table) : std::nullopt) return *items;
      break;
    case SettingType::kLimits:
      if (const auto items = table != nullptr ? AllTables(*table) : std::nullopt) return *items;
      break;
  }
  // Of a list or table in the right place it is the items that are wrong.
  const bool takes_list = type == SettingType::kTextList || type == SettingType::kServices;
  const bool takes_table = type == SettingType::kTextMap || type == SettingType::kLimits;
  const bool items = array != nullptr ? takes_list : table != nullptr && takes_table;
  return std::unexpected(Complaint{fmt::format("expected {}, found {}{}", ExpectedText(type), TypeName(node),
                                               items ? " of other things" : ""),
                                   {}});
}

}  // namespace jammi
