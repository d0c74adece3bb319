#include "rows/row_builder.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <arrow/util/value_parsing.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "base/base64.h"
#include "base/invalid.h"
#include "base/text.h"

namespace jammi {

using nlohmann::json;

class RowBuilder::Column {
 public:
  virtual ~Column() = default;
  // false: the value does not fit.
  [[nodiscard]] virtual bool FromJson(const json& value) = 0;
  [[nodiscard]] virtual bool FromText(const std::string& text) = 0;
  [[nodiscard]] virtual arrow::Status Null() = 0;
  [[nodiscard]] virtual arrow::Result<std::shared_ptr<arrow::Array>> Finish() = 0;
};

namespace {

template <class Type>
class BuilderColumn : public RowBuilder::Column {
 public:
  [[nodiscard]] arrow::Status Null() override { return builder_.AppendNull(); }
  [[nodiscard]] arrow::Result<std::shared_ptr<arrow::Array>> Finish() override { return builder_.Finish(); }

 protected:
  template <class Value>
  [[nodiscard]] bool Append(const Value& value) {
    return builder_.Append(value).ok();
  }

 private:
  typename arrow::TypeTraits<Type>::BuilderType builder_;
};

template <class Type>
class IntegerColumn final : public BuilderColumn<Type> {
 public:
  [[nodiscard]] bool FromJson(const json& value) override {
    if (value.is_number_unsigned()) return AppendIfFits(value.get<uint64_t>());
    return value.is_number_integer() && AppendIfFits(value.get<int64_t>());
  }
  [[nodiscard]] bool FromText(const std::string& text) override {
    typename Type::c_type value{};
    return arrow::internal::ParseValue<Type>(text.data(), text.size(), &value) && this->Append(value);
  }

 private:
  template <class Wide>
  [[nodiscard]] bool AppendIfFits(Wide value) {
    return std::in_range<typename Type::c_type>(value) &&
           this->Append(static_cast<typename Type::c_type>(value));
  }
};

template <class Type>
class FloatColumn final : public BuilderColumn<Type> {
  using Number = typename Type::c_type;

 public:
  [[nodiscard]] bool FromJson(const json& value) override {
    if (value.is_number()) return AppendIfFits(value.get<double>());
    return value.is_string() && Named(value.get_ref<const std::string&>());
  }
  [[nodiscard]] bool FromText(const std::string& text) override {
    Number value{};
    if (arrow::internal::ParseValue<Type>(text.data(), text.size(), &value)) return this->Append(value);
    return Named(text);
  }

 private:
  [[nodiscard]] bool Named(std::string_view text) {
    using Limits = std::numeric_limits<Number>;
    if (text == "NaN") return this->Append(Limits::quiet_NaN());
    if (text == "Infinity") return this->Append(Limits::infinity());
    return text == "-Infinity" && this->Append(-Limits::infinity());
  }
  [[nodiscard]] bool AppendIfFits(double value) {
    return std::abs(value) <= std::numeric_limits<Number>::max() && this->Append(static_cast<Number>(value));
  }
};

class BooleanColumn final : public BuilderColumn<arrow::BooleanType> {
 public:
  [[nodiscard]] bool FromJson(const json& value) override {
    return value.is_boolean() && Append(value.get<bool>());
  }
  [[nodiscard]] bool FromText(const std::string& text) override {
    const std::string lower = AsciiLower(text);
    return (lower == "true" || lower == "false") && Append(lower == "true");
  }
};

template <class Type>
class TextColumn final : public BuilderColumn<Type> {
 public:
  [[nodiscard]] bool FromJson(const json& value) override {
    return value.is_string() && FromText(value.get_ref<const std::string&>());
  }
  [[nodiscard]] bool FromText(const std::string& text) override {
    return IsValidUtf8(text) && this->Append(std::string_view(text));
  }
};

template <class Type>
class BytesColumn final : public BuilderColumn<Type> {
 public:
  [[nodiscard]] bool FromJson(const json& value) override {
    return value.is_string() && FromText(value.get_ref<const std::string&>());
  }
  [[nodiscard]] bool FromText(const std::string& text) override {
    const auto bytes = FromBase64(text);
    return bytes && this->Append(std::string_view(*bytes));
  }
};

// Dates and times, as Arrow writes them.
class TimeColumn final : public RowBuilder::Column {
 public:
  explicit TimeColumn(const std::shared_ptr<arrow::DataType>& type)
      : type_(type), builder_(arrow::MakeBuilder(type).ValueOr(nullptr)) {}
  [[nodiscard]] bool FromJson(const json& value) override {
    return value.is_string() && FromText(value.get_ref<const std::string&>());
  }
  [[nodiscard]] bool FromText(const std::string& text) override {
    const auto scalar = arrow::Scalar::Parse(type_, text);
    return scalar.ok() && builder_->AppendScalar(**scalar).ok();
  }
  [[nodiscard]] arrow::Status Null() override { return builder_->AppendNull(); }
  [[nodiscard]] arrow::Result<std::shared_ptr<arrow::Array>> Finish() override { return builder_->Finish(); }

 private:
  const std::shared_ptr<arrow::DataType> type_;
  const std::unique_ptr<arrow::ArrayBuilder> builder_;
};

// Decimals, lists and the like: Arrow reads its own JSON of them, when the rows are taken.
class OtherColumn final : public RowBuilder::Column {
 public:
  explicit OtherColumn(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {}
  [[nodiscard]] bool FromJson(const json& value) override { return Add(value.dump()); }
  [[nodiscard]] bool FromText(const std::string& text) override {
    if (!arrow::is_nested(type_->id()))
      return Add(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
    return json::accept(text) && Add(text);
  }
  [[nodiscard]] arrow::Status Null() override {
    Add("null");
    return arrow::Status::OK();
  }
  [[nodiscard]] arrow::Result<std::shared_ptr<arrow::Array>> Finish() override {
    const std::string all = fmt::format("[{}]", std::exchange(values_, {}));
    return arrow::json::ArrayFromJSONString(type_, all);
  }

 private:
  bool Add(std::string_view value) {
    if (!values_.empty()) values_ += ',';
    values_ += value;
    return true;
  }

  const std::shared_ptr<arrow::DataType> type_;
  std::string values_;
};

std::unique_ptr<RowBuilder::Column> MakeColumn(const std::shared_ptr<arrow::DataType>& type) {
  switch (type->id()) {
    case arrow::Type::BOOL:
      return std::make_unique<BooleanColumn>();
    case arrow::Type::INT8:
      return std::make_unique<IntegerColumn<arrow::Int8Type>>();
    case arrow::Type::INT16:
      return std::make_unique<IntegerColumn<arrow::Int16Type>>();
    case arrow::Type::INT32:
      return std::make_unique<IntegerColumn<arrow::Int32Type>>();
    case arrow::Type::INT64:
      return std::make_unique<IntegerColumn<arrow::Int64Type>>();
    case arrow::Type::UINT8:
      return std::make_unique<IntegerColumn<arrow::UInt8Type>>();
    case arrow::Type::UINT16:
      return std::make_unique<IntegerColumn<arrow::UInt16Type>>();
    case arrow::Type::UINT32:
      return std::make_unique<IntegerColumn<arrow::UInt32Type>>();
    case arrow::Type::UINT64:
      return std::make_unique<IntegerColumn<arrow::UInt64Type>>();
    case arrow::Type::FLOAT:
      return std::make_unique<FloatColumn<arrow::FloatType>>();
    case arrow::Type::DOUBLE:
      return std::make_unique<FloatColumn<arrow::DoubleType>>();
    case arrow::Type::STRING:
      return std::make_unique<TextColumn<arrow::StringType>>();
    case arrow::Type::LARGE_STRING:
      return std::make_unique<TextColumn<arrow::LargeStringType>>();
    case arrow::Type::BINARY:
      return std::make_unique<BytesColumn<arrow::BinaryType>>();
    case arrow::Type::LARGE_BINARY:
      return std::make_unique<BytesColumn<arrow::LargeBinaryType>>();
    case arrow::Type::DATE32:
    case arrow::Type::DATE64:
    case arrow::Type::TIME32:
    case arrow::Type::TIME64:
    case arrow::Type::TIMESTAMP:
      return std::make_unique<TimeColumn>(type);
    default:
      break;
  }
  auto other = std::make_unique<OtherColumn>(type);
  return other->Finish().ok() ? std::move(other) : nullptr;
}

Result<json> Parse(std::string_view text) {
  constexpr int kDepth = 64;  // what is read from deeper text might not fit the stack
  try {
    return json::parse(text, [](int depth, json::parse_event_t, json&) {
      if (depth > kDepth) throw std::length_error("nested too deeply");
      return true;
    });
  } catch (const json::parse_error& error) {
    const std::string_view what = error.what();  // "... - unexpected end of input; expected '}'"
    const size_t reason = what.find(" - ");
    return Invalid(fmt::format("this is not JSON: {} (at byte {})",
                               reason == std::string_view::npos ? what : what.substr(reason + 3),
                               error.byte));
  } catch (const std::exception& error) {
    return Invalid(fmt::format("this is not JSON: {}", error.what()));
  }
}

Error DoesNotFit(const arrow::Field& field, std::string_view value) {
  constexpr size_t kShown = 40;
  const bool cut = value.size() > kShown;
  return Invalid(fmt::format("column '{}' is {}, and {}{} is not", field.name(), field.type()->ToString(),
                             value.substr(0, kShown), cut ? "..." : ""));
}

Error NoValue(const arrow::Field& field) {
  return Invalid(fmt::format("column '{}' must have a value", field.name()));
}

Error NoColumn(const arrow::Schema& schema, const std::string& name) {
  const std::vector<std::string> names = schema.field_names();
  const std::vector<std::string_view> views(names.begin(), names.end());
  const std::string nearest = Nearest(name, views);
  return Invalid(fmt::format("there is no column '{}'{}", name,
                             nearest.empty() ? "" : fmt::format("; did you mean '{}'?", nearest)));
}

}  // namespace

RowBuilder::RowBuilder(std::shared_ptr<arrow::Schema> schema, std::vector<std::unique_ptr<Column>> columns)
    : schema_(std::move(schema)), columns_(std::move(columns)) {}
RowBuilder::~RowBuilder() = default;

Result<std::unique_ptr<RowBuilder>> RowBuilder::Make(std::shared_ptr<arrow::Schema> schema) {
  std::vector<std::unique_ptr<Column>> columns;
  for (const auto& field : schema->fields()) {
    auto column = MakeColumn(field->type());
    if (!column) {
      return Error(ErrorCode::kUnimplemented,
                   fmt::format("column '{}' is {}, which is not read from text: give the rows as Arrow data",
                               field->name(), field->type()->ToString()));
    }
    columns.push_back(std::move(column));
  }
  return std::unique_ptr<RowBuilder>(new RowBuilder(std::move(schema), std::move(columns)));
}

Result<void> RowBuilder::AppendJson(std::string_view object) {
  JAMMI_ASSIGN(const json row, Parse(object));
  if (!row.is_object()) return Invalid("a row is a JSON object, with the columns as its members");
  for (const auto& [name, value] : row.items()) {
    if (schema_->GetFieldIndex(name) < 0) return NoColumn(*schema_, name);
  }
  for (int i = 0; i < schema_->num_fields(); ++i) {
    const arrow::Field& field = *schema_->field(i);
    const auto member = row.find(field.name());
    if (member == row.end() || member->is_null()) {
      if (!field.nullable() || !columns_[i]->Null().ok()) return NoValue(field);
    } else if (!columns_[i]->FromJson(*member)) {
      return DoesNotFit(field, member->dump(-1, ' ', false, json::error_handler_t::replace));
    }
  }
  ++rows_;
  return {};
}

Result<void> RowBuilder::AppendTexts(std::span<const std::optional<std::string>> texts) {
  for (int i = 0; i < schema_->num_fields(); ++i) {
    const arrow::Field& field = *schema_->field(i);
    if (!texts[i]) {
      if (!field.nullable() || !columns_[i]->Null().ok()) return NoValue(field);
    } else if (!columns_[i]->FromText(*texts[i])) {
      return DoesNotFit(field, fmt::format("'{}'", *texts[i]));
    }
  }
  ++rows_;
  return {};
}

Result<std::shared_ptr<arrow::RecordBatch>> RowBuilder::Take() {
  arrow::ArrayVector arrays;
  for (int i = 0; i < schema_->num_fields(); ++i) {
    auto array = columns_[i]->Finish();
    if (!array.ok())
      return Invalid(fmt::format("column '{}': {}", schema_->field(i)->name(), array.status().message()));
    arrays.push_back(*std::move(array));
  }
  return arrow::RecordBatch::Make(schema_, std::exchange(rows_, 0), std::move(arrays));
}

}  // namespace jammi
