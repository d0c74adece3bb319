#include "trigger/topic_schema.h"

#include <arrow/ipc/options.h>
#include <arrow/type.h>
#include <arrow/util/key_value_metadata.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "base/text.h"
#include "trigger/codec.h"

namespace jammi {
namespace {

// Names that the tables over a log use beside the payload's columns.
constexpr std::array<std::string_view, 4> kReservedColumns = {"tenant_id", "_offset", "_row_idx",
                                                              "_produced_at"};
constexpr size_t kMaxSchemaBytes = 1 << 20;
// The batch itself is the first level that Arrow IPC counts.
constexpr int kMaxTypeDepth = arrow::ipc::kMaxNestingDepth - 1;

Result<void> CheckColumnName(const std::string& name) {
  if (name.empty()) return Error(ErrorCode::kInvalidArgument, "a topic column has an empty name");
  if (!IsValidUtf8(name) || name.find('\0') != std::string::npos) {
    return Error(ErrorCode::kInvalidArgument, "a topic column's name is not UTF-8 text or contains U+0000");
  }
  if (std::ranges::find(kReservedColumns, AsciiLower(name)) != kReservedColumns.end()) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("column name '{}' is reserved", name));
  }
  return {};
}

Error Unsupported(const std::string& column, const std::string& type) {
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("unsupported topic schema type for column '{}': {}", column, type),
               UnsupportedSchemaTypeDetail{column, type});
}

// Does the log carry every type in here? An extension type lives in field metadata, which is dropped.
Result<void> CheckType(const std::string& column, const arrow::DataType& type, int depth) {
  if (depth > kMaxTypeDepth) {
    return Unsupported(column, fmt::format("nested more than {} levels deep", kMaxTypeDepth));
  }
  if (type.id() == arrow::Type::EXTENSION) {
    return Unsupported(column, fmt::format("{} (register its storage type)", type.ToString()));
  }
  if (type.id() == arrow::Type::DICTIONARY) {
    return CheckType(column, *static_cast<const arrow::DictionaryType&>(type).value_type(), depth + 1);
  }
  for (const auto& child : type.fields()) JAMMI_TRY(CheckType(column, *child->type(), depth + 1));
  return {};
}

// Is the column's type read back as it was written? A dictionary of dictionaries, for one, is not.
Result<void> CheckStorable(const std::shared_ptr<arrow::Field>& field) {
  const arrow::Schema alone({field});
  const auto bytes = EncodeSchema(alone);
  const auto back = bytes ? DecodeSchema(*bytes) : bytes.error();
  if (!back || !alone.Equals(**back)) return Unsupported(field->name(), field->type()->ToString());
  return {};
}

std::shared_ptr<arrow::DataType> WithoutMetadata(const std::shared_ptr<arrow::DataType>& type);

std::shared_ptr<arrow::Field> WithoutMetadata(const std::shared_ptr<arrow::Field>& field) {
  return field->WithType(WithoutMetadata(field->type()))->RemoveMetadata();
}

std::shared_ptr<arrow::DataType> WithoutMetadata(const std::shared_ptr<arrow::DataType>& type) {
  if (type->id() == arrow::Type::DICTIONARY) {
    const auto& dictionary = static_cast<const arrow::DictionaryType&>(*type);
    return arrow::dictionary(dictionary.index_type(), WithoutMetadata(dictionary.value_type()),
                             dictionary.ordered());
  }
  arrow::FieldVector children;
  for (const auto& child : type->fields()) children.push_back(WithoutMetadata(child));
  switch (type->id()) {
    case arrow::Type::LIST:
      return arrow::list(children[0]);
    case arrow::Type::LARGE_LIST:
      return arrow::large_list(children[0]);
    case arrow::Type::LIST_VIEW:
      return arrow::list_view(children[0]);
    case arrow::Type::LARGE_LIST_VIEW:
      return arrow::large_list_view(children[0]);
    case arrow::Type::FIXED_SIZE_LIST:
      return arrow::fixed_size_list(children[0],
                                    static_cast<const arrow::FixedSizeListType&>(*type).list_size());
    case arrow::Type::MAP:
      return std::make_shared<arrow::MapType>(children[0],
                                              static_cast<const arrow::MapType&>(*type).keys_sorted());
    case arrow::Type::STRUCT:
      return arrow::struct_(children);
    case arrow::Type::SPARSE_UNION:
      return arrow::sparse_union(children, static_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::DENSE_UNION:
      return arrow::dense_union(children, static_cast<const arrow::UnionType&>(*type).type_codes());
    case arrow::Type::RUN_END_ENCODED:
      return arrow::run_end_encoded(children[0]->type(), children[1]->type());
    default:
      return type;
  }
}

std::string Describe(const arrow::Field& field) {
  return fmt::format("{} {}{}", field.name(), field.type()->ToString(), field.nullable() ? "" : " not null");
}

std::string Columns(int count) { return fmt::format("{} column{}", count, count == 1 ? "" : "s"); }

Error Mismatch(std::string_view topic, std::string column, std::string expected, std::string actual) {
  std::string message = fmt::format("batch schema does not match topic schema: topic '{}' ", topic);
  message += column.empty() ? fmt::format("expected {}, got {}", expected, actual)
                            : fmt::format("column '{}': expected {}, got {}", column, expected, actual);
  return Error(ErrorCode::kInvalidArgument, std::move(message),
               BatchSchemaMismatchDetail{std::string(topic), std::move(column), std::move(expected),
                                         std::move(actual)});
}

}  // namespace

Result<std::shared_ptr<arrow::Schema>> PrepareTopicSchema(const std::shared_ptr<arrow::Schema>& schema) {
  if (schema == nullptr || schema->num_fields() == 0) {
    return Error(ErrorCode::kInvalidArgument, "a topic's schema has one column at least");
  }
  std::unordered_set<std::string> names;
  arrow::FieldVector fields;
  for (const auto& field : schema->fields()) {
    JAMMI_TRY(CheckColumnName(field->name()));
    if (!names.insert(AsciiLower(field->name())).second) {
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("column name '{}' is there twice (case does not distinguish names)", field->name()));
    }
    JAMMI_TRY(CheckType(field->name(), *field->type(), 1));
    fields.push_back(WithoutMetadata(field));
    JAMMI_TRY(CheckStorable(fields.back()));
  }
  auto prepared = arrow::schema(std::move(fields));
  JAMMI_ASSIGN(const auto bytes, EncodeSchema(*prepared));
  if (bytes.size() > kMaxSchemaBytes) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("the topic's schema takes {} bytes, more than {}",
                                                          bytes.size(), kMaxSchemaBytes));
  }
  return prepared;
}

Result<std::shared_ptr<arrow::Schema>> AppendTopicColumns(std::string_view topic, const arrow::Schema& schema,
                                                          const arrow::FieldVector& fields) {
  if (fields.empty()) return Error(ErrorCode::kInvalidArgument, "there are no columns to append");
  auto all = schema.fields();
  const arrow::Field* taken = nullptr;  // the topic has a column of that name
  size_t same = 0;
  for (const auto& field : fields) {
    if (field == nullptr) return Error(ErrorCode::kInvalidArgument, "a column to append is missing");
    if (!field->nullable()) {
      return Error(
          ErrorCode::kInvalidArgument,
          fmt::format("column '{}' must be nullable: the topic's events do not have it", field->name()));
    }
    for (const auto& known : schema.fields()) {
      if (AsciiLower(known->name()) != AsciiLower(field->name())) continue;
      if (taken == nullptr) taken = known.get();
      if (known->Equals(*field, /*check_metadata=*/false)) ++same;
    }
    all.push_back(field);
  }
  if (taken != nullptr) {
    const bool done = same == fields.size();
    auto detail = fmt::format("it has a column '{}' already", Describe(*taken));
    auto message = fmt::format("topic '{}': {}", topic, done ? "all of the columns are there" : detail);
    return Error(done ? ErrorCode::kAlreadyExists : ErrorCode::kFailedPrecondition, std::move(message),
                 SchemaConflictDetail{std::string(topic), std::move(detail)});
  }
  return PrepareTopicSchema(arrow::schema(std::move(all)));
}

bool IsGrowthOf(const arrow::Schema& earlier, const arrow::Schema& later) {
  const int before = earlier.num_fields();
  if (later.num_fields() <= before) return false;
  for (int i = 0; i < before; ++i) {
    if (!earlier.field(i)->Equals(*later.field(i), /*check_metadata=*/false)) return false;
  }
  const auto& fields = later.fields();
  return std::all_of(fields.begin() + before, fields.end(),
                     [](const auto& field) { return field->nullable(); });
}

Result<void> CheckBatchSchema(std::string_view topic, const arrow::Schema& expected,
                              const arrow::Schema& actual) {
  if (&expected == &actual || expected.Equals(actual, /*check_metadata=*/false)) return {};
  const int common = std::min(expected.num_fields(), actual.num_fields());
  for (int i = 0; i < common; ++i) {
    const auto& want = *expected.field(i);
    const auto& have = *actual.field(i);
    if (!want.Equals(have, /*check_metadata=*/false))
      return Mismatch(topic, want.name(), Describe(want), Describe(have));
  }
  return Mismatch(topic, "", Columns(expected.num_fields()), Columns(actual.num_fields()));
}

Result<void> CheckBatchSchema(std::string_view topic, const EventCodec& codec, const arrow::Schema& actual) {
  const bool earlier = actual.num_fields() < codec.columns() && codec.HasVersion(actual.num_fields()) &&
                       IsGrowthOf(actual, *codec.schema());
  return earlier ? Result<void>() : CheckBatchSchema(topic, *codec.schema(), actual);
}

}  // namespace jammi
