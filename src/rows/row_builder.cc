#include "rows/row_builder.h"

#include <arrow/api.h>
#include <arrow/json/from_string.h>
#include <arrow/util/value_parsing.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <utility>

#include "base/base64.h"
#include "base/invalid.h"
#include "base/printable.h"
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
    if (!arrow::internal::ParseValue<Type>(text.data(), text.size(), &value)) return Named(text);
    // A number that is too large is parsed as an infinity; "inf" is one.
    if (std::isinf(value) && text.find_first_of("0123456789") != std::string::npos) return false;
    return this->Append(value);
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

// `members`: of all objects in it, one for each time that it is there.
Result<json> Parse(std::string_view text, size_t& members) {
  constexpr int kDepth = 64;  // what is read from deeper text might not fit the stack
  try {
    return json::parse(text, [&members](int depth, json::parse_event_t event, json&) {
      if (depth > kDepth) throw std::length_error("nested too deeply");
      if (event == json::parse_event_t::key) ++members;
      return true;
    });
  } catch (const json::parse_error& error) {
    const std::string_view what = error.what();  // "... - unexpected end of input; expected '}'"
    const size_t reason = what.find(" - ");
    return Invalid(fmt::format("this is not JSON: {} (at byte {})",
                               reason == std::string_view::npos ? what : what.substr(reason + 3),
                               error.byte));
  } catch (const json::out_of_range&) {
    return Invalid("a number is too large");
  } catch (const std::exception& error) {
    return Invalid(fmt::format("this is not JSON: {}", error.what()));
  }
}

// Fewer than Parse() has counted: one was there twice, and the last one is left.
size_t CountMembers(const json& value) {
  if (!value.is_structured()) return 0;
  size_t members = value.is_object() ? value.size() : 0;
  for (const json& inner : value) members += CountMembers(inner);
  return members;
}

// Decimals, lists and the like: Arrow reads its own JSON of them, when the rows are taken.
class OtherColumn final : public RowBuilder::Column {
 public:
  explicit OtherColumn(std::shared_ptr<arrow::DataType> type) : type_(std::move(type)) {}
  [[nodiscard]] bool FromJson(const json& value) override { return Add(value.dump()); }
  [[nodiscard]] bool FromText(const std::string& text) override {
    if (!arrow::is_nested(type_->id()))
      return Add(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
    size_t members = 0;
    const auto value = Parse(text, members);
    return value && CountMembers(*value) == members && Add(text);
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

// What json::parse() does not keep of a text, for the error that names it; too slow for rows that are right.
class WrittenJson final : public nlohmann::json_sax<json> {
 public:
  explicit WrittenJson(std::string_view text) {
    static_cast<void>(json::sax_parse(text, static_cast<nlohmann::json_sax<json>*>(this)));
  }

  ~WrittenJson() override = default;
  WrittenJson(const WrittenJson&) = delete;
  WrittenJson& operator=(const WrittenJson&) = delete;

  // The first name that an object has twice.
  [[nodiscard]] const std::string& repeated() const { return repeated_; }
  // The number that no double can hold, and the member of the row in which it stands; empty: none.
  [[nodiscard]] const std::string& too_large() const { return too_large_; }
  [[nodiscard]] const std::string& member() const { return member_; }
  // The number with a point or an exponent that is the value of this member of the row.
  [[nodiscard]] const std::string& number(const std::string& member) const { return numbers_.at(member); }

 private:
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(int64_t /*value*/) override { return true; }
  bool number_unsigned(uint64_t /*value*/) override { return true; }
  bool number_float(double /*value*/, const std::string& text) override {
    if (depth_ == 1) numbers_[member_] = text;
    return true;
  }
  bool string(std::string& /*value*/) override { return true; }
  bool binary(json::binary_t& /*value*/) override { return true; }
  bool start_object(size_t /*members*/) override {
    ++depth_;
    names_.emplace_back();
    return true;
  }
  bool key(std::string& name) override {
    if (!names_.back().insert(name).second && repeated_.empty()) repeated_ = name;
    if (depth_ == 1) member_ = name;
    return true;
  }
  bool end_object() override {
    --depth_;
    names_.pop_back();
    return true;
  }
  bool start_array(size_t /*items*/) override {
    ++depth_;
    return true;
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(size_t /*position*/, const std::string& token,
                   const nlohmann::detail::exception& error) override {
    constexpr int kOverflow = 406;
    if (error.id == kOverflow) too_large_ = token;
    return false;
  }

  int depth_ = 0;
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  std::string member_;
  std::string repeated_;
  std::string too_large_;
  std::map<std::string, std::string> numbers_;
};

constexpr size_t kShownBytes = 40;

// What does not fit may be long.
std::string Shortened(std::string_view text) {
  if (text.size() <= kShownBytes) return std::string(text);
  size_t end = kShownBytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0U) == 0x80)
    --end;  // in a character of several bytes
  return std::string(text.substr(0, end)) + "...";
}

Error DoesNotFit(const arrow::Field& field, std::string_view value) {
  return Invalid(fmt::format("column '{}' is {}, and {} is not", field.name(), field.type()->ToString(),
                             Shortened(value)));
}

Error TextDoesNotFit(const arrow::Field& field, std::string_view text) {
  if (IsValidUtf8(text)) return DoesNotFit(field, fmt::format("'{}'", text));
  return Invalid(fmt::format("column '{}' is not UTF-8: '{}'", field.name(),
                             Shortened(Printable(text.substr(0, kShownBytes)))));
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

Error NoRow() { return Invalid("a row is a JSON object, with the columns as its members"); }

// In the words of the row, where it is one.
Error NotParsed(const arrow::Schema& schema, std::string_view object, Error error) {
  const WrittenJson written(object);
  if (written.too_large().empty()) return error;
  if (written.member().empty()) return NoRow();
  const auto field = schema.GetFieldByName(written.member());
  return field ? DoesNotFit(*field, written.too_large()) : NoColumn(schema, written.member());
}

Error MemberDoesNotFit(const arrow::Field& field, const json& value, std::string_view object) {
  if (value.is_number_float()) return DoesNotFit(field, WrittenJson(object).number(field.name()));
  return DoesNotFit(field, value.dump(-1, ' ', false, json::error_handler_t::replace));
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
  size_t members = 0;
  auto parsed = Parse(object, members);
  if (!parsed) return NotParsed(*schema_, object, std::move(parsed).error());
  const json& row = *parsed;
  if (!row.is_object()) return NoRow();
  for (const auto& [name, value] : row.items()) {
    if (schema_->GetFieldIndex(name) < 0) return NoColumn(*schema_, name);
  }
  if (CountMembers(row) != members)
    return Invalid(fmt::format("'{}' is there twice", WrittenJson(object).repeated()));
  for (int i = 0; i < schema_->num_fields(); ++i) {
    const arrow::Field& field = *schema_->field(i);
    const auto member = row.find(field.name());
    if (member == row.end() || member->is_null()) {
      if (!field.nullable() || !columns_[i]->Null().ok()) return NoValue(field);
    } else if (!columns_[i]->FromJson(*member)) {
      return MemberDoesNotFit(field, *member, object);
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
      return TextDoesNotFit(field, *texts[i]);
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
