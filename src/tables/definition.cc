#include "tables/definition.h"

#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.h"
#include "catalog/arguments.h"
#include "tables/column_codec.h"
#include "trigger/topic_schema.h"

namespace jammi {
namespace {

constexpr std::array<std::string_view, 3> kReservedPrefixes = {"_jammi_", "__topic_", "__eph_"};
constexpr std::string_view kTenantColumn = "tenant_id";

Error Refused(std::string_view table, TableFault fault, std::string why, std::string_view column = {}) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("table '{}': {}", table, why),
               TableDetail{fault, std::string(table), std::string(column)});
}

bool IsIdByte(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

// MUT-003, and what the reference leaves to the database.
Result<void> CheckColumns(const TableDefinition& definition, TableCreator creator) {
  const arrow::Schema& schema = *definition.schema;
  std::set<std::string> names;
  for (const auto& field : schema.fields()) {
    const std::string& name = field->name();
    if (AsciiLower(name) == kTenantColumn || (creator == TableCreator::kUser && name.starts_with('_'))) {
      return Refused(definition.id, TableFault::kReservedColumn,
                     fmt::format("column name '{}' is reserved", name), name);
    }
    if (auto text = CheckText("name of a column", name, 1, TableDefinition::kMaxColumnNameBytes); !text)
      return Refused(definition.id, TableFault::kSchema, text.error().message(), name);
    if (!names.insert(AsciiLower(name)).second) {
      return Refused(definition.id, TableFault::kSchema,
                     fmt::format("column name '{}' is there twice (case does not distinguish names)", name),
                     name);
    }
  }
  for (const auto& field : schema.fields()) JAMMI_TRY(ColumnCodec::Make(field));
  return {};
}

// Are these columns of the table, each once, which can be ordered? `of` is "the primary key", "index 'x'".
Result<void> CheckKeyColumns(const TableDefinition& definition, std::string_view of,
                             const std::vector<std::string>& columns) {
  const auto refuse = [&](std::string_view why, std::string_view column) {
    return Refused(definition.id, TableFault::kSchema, fmt::format("{} {}", of, why), column);
  };
  if (columns.empty()) return refuse("has no columns", {});
  if (columns.size() > TableDefinition::kMaxKeyColumns) {
    return refuse(
        fmt::format("has {} columns, more than {}", columns.size(), TableDefinition::kMaxKeyColumns), {});
  }
  std::set<std::string_view> seen;
  for (const auto& name : columns) {
    const int place = FindColumn(*definition.schema, name);
    if (place < 0)
      return refuse(fmt::format("names column '{}', which the schema does not have", name), name);
    if (!seen.insert(name).second) return refuse(fmt::format("names column '{}' twice", name), name);
    JAMMI_ASSIGN(const ColumnCodec codec, ColumnCodec::Make(definition.schema->field(place)));
    if (codec.ordered()) continue;
    const std::string type = codec.field().type()->ToString();
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("table '{}': {} cannot have column '{}' of {}", definition.id, of, name, type),
                 UnsupportedSchemaTypeDetail{name, type});
  }
  return {};
}

// MUT-002.
Result<void> CheckPrimaryKey(const TableDefinition& definition) {
  if (definition.primary_key.empty())
    return Refused(definition.id, TableFault::kSchema, "it has no primary key");
  for (const auto& name : definition.primary_key) {
    if (FindColumn(*definition.schema, name) >= 0) continue;
    return Refused(definition.id, TableFault::kMissingPrimaryKey,
                   fmt::format("the schema has no key column '{}'", name), name);
  }
  return {};
}

// MUT-004.
Result<void> CheckOrderColumn(const TableDefinition& definition) {
  if (!definition.order_column) return {};
  const std::string& name = *definition.order_column;
  const int place = FindColumn(*definition.schema, name);
  if (place < 0) {
    return Refused(definition.id, TableFault::kSchema,
                   fmt::format("the schema has no order column '{}'", name), name);
  }
  const auto& type = *definition.schema->field(place)->type();
  if (type.id() == arrow::Type::INT64 || type.id() == arrow::Type::UINT64) return {};
  return Refused(definition.id, TableFault::kSchema,
                 fmt::format("order column '{}' is {}, not int64 or uint64", name, type.ToString()), name);
}

Result<void> CheckIndexes(const TableDefinition& definition) {
  if (definition.indexes.size() > TableDefinition::kMaxIndexes) {
    return Refused(definition.id, TableFault::kSchema,
                   fmt::format("it has {} indexes, more than {}", definition.indexes.size(),
                               TableDefinition::kMaxIndexes));
  }
  std::set<std::string> names;
  for (const auto& index : definition.indexes) {
    const bool well_formed = !index.name.empty() && index.name.size() <= TableDefinition::kMaxIdBytes &&
                             std::ranges::all_of(AsciiLower(index.name), IsIdByte);
    if (!well_formed) {
      return Refused(definition.id, TableFault::kSchema,
                     "an index has a name that is not 1 to 63 letters, digits and underscores", index.name);
    }
    if (!names.insert(AsciiLower(index.name)).second) {
      return Refused(definition.id, TableFault::kSchema, fmt::format("it has two indexes '{}'", index.name),
                     index.name);
    }
    JAMMI_TRY(CheckKeyColumns(definition, fmt::format("index '{}'", index.name), index.columns));
  }
  return {};
}

Error Damaged(std::string_view column) {
  return Error(ErrorCode::kDataLoss, fmt::format("mutable_tables.{} is damaged", column),
               BackendDetail{BackendFault::kTypeConversion, fmt::format("mutable_tables.{}", column), {}});
}

}  // namespace

int FindColumn(const arrow::Schema& schema, std::string_view name) {
  const auto& fields = schema.fields();
  const auto found =
      std::ranges::find(fields, name, [](const auto& field) { return std::string_view(field->name()); });
  return found == fields.end() ? -1 : static_cast<int>(found - fields.begin());
}

Result<void> CheckTableId(std::string_view id, TableCreator creator) {
  const auto refuse = [&](std::string why) {
    return Error(ErrorCode::kInvalidArgument, std::move(why),
                 TableDetail{TableFault::kInvalidId, IsValidUtf8(id) ? std::string(id) : std::string(), {}});
  };
  const size_t most = creator == TableCreator::kUser ? TableDefinition::kMaxIdBytes : kMaxInternalIdBytes;
  if (id.empty()) return refuse("the id of a table is empty");
  if (id.size() > most)
    return refuse(fmt::format("the id of a table is {} bytes long, more than {}", id.size(), most));
  if (!std::ranges::all_of(id, IsIdByte))
    return refuse("the id of a table has a character that is none of a-z, 0-9 and _");
  if (creator == TableCreator::kEngine) return {};
  for (const std::string_view prefix : kReservedPrefixes) {
    if (id.starts_with(prefix))
      return refuse(fmt::format("table id '{}': the prefix {} is reserved", id, prefix));
  }
  return {};
}

Result<TableDefinition> PrepareDefinition(const TableDefinition& definition, TableCreator creator) {
  JAMMI_TRY(CheckTableId(definition.id, creator));
  if (definition.schema == nullptr || definition.schema->num_fields() == 0)
    return Refused(definition.id, TableFault::kSchema, "its schema has no columns");
  if (definition.schema->num_fields() > TableDefinition::kMaxColumns) {
    return Refused(definition.id, TableFault::kSchema,
                   fmt::format("its schema has {} columns, more than {}", definition.schema->num_fields(),
                               TableDefinition::kMaxColumns));
  }
  JAMMI_TRY(CheckPrimaryKey(definition));
  JAMMI_TRY(CheckColumns(definition, creator));
  JAMMI_TRY(CheckOrderColumn(definition));
  JAMMI_TRY(CheckKeyColumns(definition, "the primary key", definition.primary_key));
  JAMMI_TRY(CheckIndexes(definition));
  if (definition.chunk_size < 1 || definition.chunk_size > TableDefinition::kMaxChunkSize) {
    return InvalidArgument("chunk_size", fmt::format("must be 1 to {}, not {}",
                                                     TableDefinition::kMaxChunkSize, definition.chunk_size));
  }
  JAMMI_TRY(CheckJsonObject("user_metadata", definition.user_metadata, TableDefinition::kMaxMetadataBytes));
  TableDefinition prepared = definition;
  JAMMI_ASSIGN(prepared.schema, PrepareTopicSchema(definition.schema));
  return prepared;
}

std::string NamesToJson(const std::vector<std::string>& names) { return nlohmann::json(names).dump(); }

std::string IndexesToJson(const std::vector<TableIndex>& indexes) {
  auto list = nlohmann::json::array();
  for (const auto& index : indexes)
    list.push_back({{"name", index.name}, {"columns", index.columns}, {"unique", index.unique}});
  return list.dump();
}

Result<std::vector<std::string>> NamesFromJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array() || !std::ranges::all_of(json, [](const auto& name) { return name.is_string(); }))
    return Damaged("primary_key");
  return json.get<std::vector<std::string>>();
}

Result<std::vector<TableIndex>> IndexesFromJson(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return Damaged("indexes");
  std::vector<TableIndex> indexes;
  for (const auto& one : json) {
    const bool whole = one.is_object() && one.contains("name") && one["name"].is_string() &&
                       one.contains("columns") && one.contains("unique") && one["unique"].is_boolean();
    if (!whole) return Damaged("indexes");
    JAMMI_ASSIGN(auto columns, NamesFromJson(one["columns"].dump()));
    indexes.push_back({one["name"].get<std::string>(), std::move(columns), one["unique"].get<bool>()});
  }
  return indexes;
}

}  // namespace jammi
