#include "cli/topics.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include "base/invalid.h"
#include "base/text.h"
#include "command_line/lists.h"

namespace jammi {
namespace {

// Also as `trigger list --output json` writes them: "Int64".
std::shared_ptr<arrow::DataType> ColumnType(std::string_view text) {
  const std::string name = AsciiLower(text);
  if (name == "int" || name == "int64") return arrow::int64();
  if (name == "float" || name == "float64" || name == "double") return arrow::float64();
  if (name == "string" || name == "utf8") return arrow::utf8();
  if (name == "bool" || name == "boolean") return arrow::boolean();
  return nullptr;
}

Result<std::shared_ptr<arrow::Field>> ParseColumn(std::string_view text) {
  const auto parts = SplitList(text, ':');
  const std::string name(parts[0]);
  if (parts.size() < 2 || parts.size() > 3 || name.empty())
    return Invalid(fmt::format("column '{}': expected NAME:TYPE, or NAME:TYPE:nullable", text));
  auto type = ColumnType(parts[1]);
  if (!type)
    return Invalid(
        fmt::format("unsupported column type: {}; the types are int, float, string and bool", parts[1]));
  const bool nullable = parts.size() == 3;
  if (nullable && parts[2] != "nullable")
    return Invalid(fmt::format("column '{}': '{}' is not 'nullable'", text, parts[2]));
  return arrow::field(name, std::move(type), nullable);
}

}  // namespace

Result<std::vector<v1::catalog::Topic>> ListTopics(const RpcChannel& channel) {
  std::vector<v1::catalog::Topic> topics;
  v1::catalog::ListTopicsRequest request;
  do {
    JAMMI_ASSIGN(auto page, channel.Call<v1::catalog::ListTopicsResponse>(
                                "/jammi.v1.catalog.CatalogService/ListTopics", request));
    for (auto& topic : *page.mutable_topics()) topics.push_back(std::move(topic));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return topics;
}

Error NoTopic(std::string_view name) {
  return {ErrorCode::kNotFound, fmt::format("topic '{}' not found", name)};
}

Result<v1::catalog::Topic> FindTopic(const RpcChannel& channel, std::string_view name) {
  JAMMI_ASSIGN(auto topics, ListTopics(channel));
  v1::catalog::Topic* found = nullptr;
  for (auto& topic : topics) {
    if (topic.name() == name && (found == nullptr || found->tenant_id().empty())) found = &topic;
  }
  if (found == nullptr) return NoTopic(name);
  return std::move(*found);
}

Result<std::shared_ptr<arrow::Schema>> ParseTopicSchema(std::string_view spec) {
  arrow::FieldVector fields;
  for (const std::string_view column : SplitList(spec, ',')) {
    if (column.empty()) continue;
    JAMMI_ASSIGN(auto field, ParseColumn(column));
    fields.push_back(std::move(field));
  }
  if (fields.empty()) return Invalid("schema must declare at least one column");
  return arrow::schema(std::move(fields));
}

}  // namespace jammi
