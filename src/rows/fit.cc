#include "rows/fit.h"

#include <arrow/api.h>
#include <arrow/compute/cast.h>
#include <fmt/format.h>

#include "base/invalid.h"
#include "base/text.h"

namespace jammi {
namespace {

bool IsText(arrow::Type::type type) {
  return type == arrow::Type::STRING || type == arrow::Type::LARGE_STRING || type == arrow::Type::STRING_VIEW;
}
bool IsBytes(arrow::Type::type type) {
  return type == arrow::Type::BINARY || type == arrow::Type::LARGE_BINARY ||
         type == arrow::Type::BINARY_VIEW || type == arrow::Type::FIXED_SIZE_BINARY;
}

// Both of one kind: then a safe cast says of each value whether it fits.
bool IsNear(const arrow::DataType& from, const arrow::DataType& to) {
  const auto a = from.id();
  const auto b = to.id();
  if (a == arrow::Type::DICTIONARY) {
    const auto& values = *static_cast<const arrow::DictionaryType&>(from).value_type();
    return values.Equals(to) || IsNear(values, to);
  }
  if (arrow::is_integer(a) && arrow::is_integer(b)) return true;
  if (arrow::is_floating(a) && b == arrow::Type::DOUBLE) return true;
  if (IsText(a) && IsText(b)) return true;
  if (IsBytes(a) && IsBytes(b)) return b != arrow::Type::FIXED_SIZE_BINARY;
  if (a != arrow::Type::TIMESTAMP || b != arrow::Type::TIMESTAMP) return false;
  return static_cast<const arrow::TimestampType&>(from).timezone() ==
         static_cast<const arrow::TimestampType&>(to).timezone();
}

Error WrongType(const arrow::Field& field, const arrow::DataType& given) {
  return Invalid(
      fmt::format("column '{}' is {}, and not {}", field.name(), field.type()->ToString(), given.ToString()));
}

Result<std::shared_ptr<arrow::Array>> Convert(const std::shared_ptr<arrow::Array>& array,
                                              const arrow::Field& field) {
  if (array->type()->Equals(*field.type())) return array;
  const auto converted = arrow::compute::Cast(*array, field.type(), arrow::compute::CastOptions::Safe());
  if (!converted.ok())
    return Invalid(fmt::format("column '{}': {}", field.name(), converted.status().message()));
  return *converted;
}

}  // namespace

Result<void> CheckFits(const arrow::Schema& given, const arrow::Schema& schema) {
  const std::vector<std::string> names = schema.field_names();
  const std::vector<std::string_view> views(names.begin(), names.end());
  for (const auto& field : given.fields()) {
    if (schema.GetFieldIndex(field->name()) < 0) {
      const std::string nearest = Nearest(field->name(), views);
      return Invalid(fmt::format("there is no column '{}'{}", field->name(),
                                 nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
    }
    if (given.GetAllFieldIndices(field->name()).size() > 1)
      return Invalid(fmt::format("column '{}' is there twice", field->name()));
  }
  for (const auto& field : schema.fields()) {
    const auto there = given.GetFieldByName(field->name());
    if (!there && !field->nullable())
      return Invalid(fmt::format("column '{}' must have a value", field->name()));
    if (there && !there->type()->Equals(*field->type()) && !IsNear(*there->type(), *field->type()))
      return WrongType(*field, *there->type());
  }
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> FitBatch(const arrow::RecordBatch& batch,
                                                     const std::shared_ptr<arrow::Schema>& schema) {
  JAMMI_TRY(CheckFits(*batch.schema(), *schema));
  arrow::ArrayVector arrays;
  for (const auto& field : schema->fields()) {
    auto array = batch.GetColumnByName(field->name());
    if (!array) {
      auto nulls = arrow::MakeArrayOfNull(field->type(), batch.num_rows());
      if (!nulls.ok()) return Error(ErrorCode::kResourceExhausted, nulls.status().message());
      arrays.push_back(*std::move(nulls));
      continue;
    }
    JAMMI_ASSIGN(array, Convert(array, *field));
    if (!field->nullable() && array->null_count() > 0)
      return Invalid(fmt::format("column '{}' must have a value", field->name()));
    arrays.push_back(std::move(array));
  }
  return arrow::RecordBatch::Make(schema, batch.num_rows(), std::move(arrays));
}

}  // namespace jammi
