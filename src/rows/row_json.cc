#include "rows/row_json.h"

#include <arrow/api.h>
#include <arrow/util/float16.h>
#include <fmt/format.h>

#include <cmath>
#include <iterator>

#include "base/base64.h"

namespace jammi {
namespace {

template <class Number>
void AppendFloat(Number value, std::string& out) {
  if (std::isfinite(value)) {
    fmt::format_to(std::back_inserter(out), "{}", value);
  } else {
    out += std::isnan(value) ? "\"NaN\"" : value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  }
}

void AppendValues(const arrow::Array& values, int64_t begin, int64_t length, std::string& out) {
  out += '[';
  for (int64_t i = 0; i < length; ++i) {
    if (i > 0) out += ',';
    AppendValueJson(values, begin + i, out);
  }
  out += ']';
}

// Keys need not be texts, and may stand there twice: a list of pairs loses nothing.
void AppendMap(const arrow::MapArray& map, int64_t i, std::string& out) {
  out += '[';
  const int64_t begin = map.value_offset(i);
  for (int64_t entry = begin; entry < begin + map.value_length(i); ++entry) {
    if (entry > begin) out += ',';
    out += "{\"key\":";
    AppendValueJson(*map.keys(), entry, out);
    out += ",\"value\":";
    AppendValueJson(*map.items(), entry, out);
    out += '}';
  }
  out += ']';
}

void AppendStruct(const arrow::StructArray& array, int64_t i, std::string& out) {
  out += '{';
  for (int field = 0; field < array.num_fields(); ++field) {
    if (field > 0) out += ',';
    AppendJsonText(array.struct_type()->field(field)->name(), out);
    out += ':';
    AppendValueJson(*array.field(field), i, out);
  }
  out += '}';
}

// By Arrow's visitor, so that no type is forgotten.
class ValueWriter {
 public:
  ValueWriter(int64_t i, std::string& out) : i_(i), out_(out) {}

  arrow::Status Visit(const arrow::BooleanArray& array) { return Plain(array.Value(i_) ? "true" : "false"); }
  template <class Type>
    requires arrow::is_integer_type<Type>::value
  arrow::Status Visit(const arrow::NumericArray<Type>& array) {
    return Plain(fmt::format("{}", array.Value(i_)));
  }
  arrow::Status Visit(const arrow::FloatArray& array) { return Float(array.Value(i_)); }
  arrow::Status Visit(const arrow::DoubleArray& array) { return Float(array.Value(i_)); }
  arrow::Status Visit(const arrow::HalfFloatArray& array) {
    return Float(arrow::util::Float16::FromBits(array.Value(i_)).ToFloat());
  }
  template <class Type>
  arrow::Status Visit(const arrow::BaseBinaryArray<Type>& array) {
    return Bytes(array.GetView(i_), arrow::is_string(array.type_id()));  // texts are such arrays too
  }
  arrow::Status Visit(const arrow::StringViewArray& array) { return Bytes(array.GetView(i_), true); }
  arrow::Status Visit(const arrow::BinaryViewArray& array) { return Bytes(array.GetView(i_), false); }
  // Decimals are such arrays too.
  arrow::Status Visit(const arrow::Decimal32Array& array) { return Quoted(array.FormatValue(i_)); }
  arrow::Status Visit(const arrow::Decimal64Array& array) { return Quoted(array.FormatValue(i_)); }
  arrow::Status Visit(const arrow::Decimal128Array& array) { return Quoted(array.FormatValue(i_)); }
  arrow::Status Visit(const arrow::Decimal256Array& array) { return Quoted(array.FormatValue(i_)); }
  arrow::Status Visit(const arrow::FixedSizeBinaryArray& array) { return Bytes(array.GetView(i_), false); }
  template <class Type>
  arrow::Status Visit(const arrow::BaseListArray<Type>& array) {
    return List(*array.values(), array.value_offset(i_), array.value_length(i_));
  }
  template <class Type>
  arrow::Status Visit(const arrow::BaseListViewArray<Type>& array) {
    return List(*array.values(), array.value_offset(i_), array.value_length(i_));
  }
  arrow::Status Visit(const arrow::FixedSizeListArray& array) {
    return List(*array.values(), array.value_offset(i_), array.value_length(i_));
  }
  arrow::Status Visit(const arrow::MapArray& array) {
    AppendMap(array, i_, out_);
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::StructArray& array) {
    AppendStruct(array, i_, out_);
    return arrow::Status::OK();
  }
  arrow::Status Visit(const arrow::DictionaryArray& array) {
    AppendValueJson(*array.dictionary(), array.GetValueIndex(i_), out_);
    return arrow::Status::OK();
  }
  // Times, durations, intervals, unions and what else there is: Arrow's own text.
  arrow::Status Visit(const arrow::Array& array) {
    ARROW_ASSIGN_OR_RAISE(const auto scalar, array.GetScalar(i_));
    return Quoted(scalar->ToString());
  }

 private:
  arrow::Status Plain(std::string_view text) {
    out_ += text;
    return arrow::Status::OK();
  }
  template <class Number>
  arrow::Status Float(Number value) {
    AppendFloat(value, out_);
    return arrow::Status::OK();
  }
  arrow::Status Bytes(std::string_view bytes, bool text) {
    return Quoted(text ? std::string(bytes) : ToBase64(bytes));
  }
  arrow::Status Quoted(std::string_view text) {
    AppendJsonText(text, out_);
    return arrow::Status::OK();
  }
  arrow::Status List(const arrow::Array& values, int64_t begin, int64_t length) {
    AppendValues(values, begin, length, out_);
    return arrow::Status::OK();
  }

  const int64_t i_;
  std::string& out_;
};

}  // namespace

void AppendValueJson(const arrow::Array& array, int64_t i, std::string& out) {
  if (array.IsNull(i)) {
    out += "null";
    return;
  }
  ValueWriter writer(i, out);
  if (const auto written = arrow::VisitArrayInline(array, &writer); !written.ok()) out += "null";
}

void AppendJsonText(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  out += '"';
}

void AppendRowJson(const arrow::RecordBatch& batch, int64_t row, std::string& out) {
  out += '{';
  for (int column = 0; column < batch.num_columns(); ++column) {
    if (column > 0) out += ',';
    AppendJsonText(batch.column_name(column), out);
    out += ':';
    AppendValueJson(*batch.column(column), row, out);
  }
  out += '}';
}

}  // namespace jammi
