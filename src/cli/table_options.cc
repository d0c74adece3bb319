#include "cli/table_options.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/invalid.h"
#include "command_line/lists.h"
#include "rows/type_name.h"

namespace jammi {
namespace {

Result<std::shared_ptr<arrow::Field>> ParseField(const nlohmann::json& json) {
  const auto text = [&json](const char* member) {
    const auto found = json.find(member);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  if (!json.is_object()) return Invalid("schema: each column is a JSON object");
  for (const auto& [key, value] : json.items()) {
    if (key != "name" && key != "type" && key != "nullable")
      return Invalid(fmt::format("schema: unknown key '{}'", key));
  }
  const std::string name = text("name");
  if (name.empty()) return Invalid("schema: a column has no name");
  auto type = TypeOfName(text("type"));
  if (!type) return Invalid(fmt::format("schema: column '{}' has the unknown type '{}'", name, text("type")));
  const auto nullable = json.value("nullable", nlohmann::json(false));
  if (!nullable.is_boolean())
    return Invalid(fmt::format("schema: column '{}': nullable is true or false", name));
  return arrow::field(name, std::move(type), nullable.get<bool>());
}

std::vector<std::string> Names(std::string_view text, char separator) {
  std::vector<std::string> names;
  for (const std::string_view name : SplitList(text, separator)) {
    if (!name.empty()) names.emplace_back(name);
  }
  return names;
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> ReadTableSchema(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error))
    return Error(ErrorCode::kNotFound, fmt::format("--schema {}: there is no such file", path));
  if (std::filesystem::is_directory(path, error))
    return Invalid(fmt::format("--schema {}: it is a directory", path));
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    return Error(ErrorCode::kUnavailable, fmt::format("--schema {}: it cannot be read", path));
  auto schema = ParseTableSchema(text);
  if (!schema) return std::move(schema).error().While(fmt::format("--schema {}", path));
  return schema;
}

Result<std::shared_ptr<arrow::Schema>> ParseTableSchema(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_array()) return Invalid("schema: expected a JSON array of columns");
  arrow::FieldVector fields;
  for (const auto& column : json) {
    JAMMI_ASSIGN(auto field, ParseField(column));
    fields.push_back(std::move(field));
  }
  if (fields.empty()) return Invalid("schema must declare at least one column");
  return arrow::schema(std::move(fields));
}

Result<std::vector<std::string>> ParsePrimaryKey(std::string_view text) {
  auto names = Names(text, ',');
  if (names.empty()) return Invalid("--primary-key must list at least one column");
  return names;
}

Result<IndexOption> ParseIndex(std::string_view text) {
  IndexOption index;
  for (const std::string_view fragment : SplitList(text, ',')) {
    const size_t equals = fragment.find('=');
    if (equals == std::string_view::npos)
      return Invalid(fmt::format("--index '{}': '{}' is not key=value", text, fragment));
    const auto key = fragment.substr(0, equals);
    const auto value = fragment.substr(equals + 1);
    if (key == "name") {
      index.name = value;
    } else if (key == "columns") {
      index.columns = Names(value, '+');
    } else if (key == "unique") {
      if (value != "true" && value != "false")
        return Invalid(fmt::format("--index '{}': unique is true or false", text));
      index.unique = value == "true";
    } else {
      return Invalid(fmt::format("--index '{}': unknown key '{}'", text, key));
    }
  }
  if (index.name.empty()) return Invalid(fmt::format("--index '{}': missing name", text));
  if (index.columns.empty()) return Invalid(fmt::format("--index '{}': missing columns", text));
  return index;
}

}  // namespace jammi
