// Any text: compiling ends with a predicate or an error of the text. A predicate that compiles answers for
// a batch what it answers for each of its rows, and its source compiles again to the same.
#include <arrow/api.h>
#include <arrow/json/from_string.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "jammi/predicate.h"

namespace jammi {
namespace {

void Require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<arrow::RecordBatch> Events() {
  const auto column = [](const std::shared_ptr<arrow::DataType>& type, const char* json) {
    return arrow::json::ArrayFromJSONString(type, json).ValueOrDie();
  };
  const auto micros = arrow::timestamp(arrow::TimeUnit::MICRO);
  const auto nanos = arrow::timestamp(arrow::TimeUnit::NANO, "UTC");
  arrow::ArrayVector columns = {
      column(arrow::int64(), "[1, -9223372036854775808, 9223372036854775807, 0, null]"),
      column(arrow::utf8(), R"(["X", "", "a longer text, ä", "5", null])"),
      column(arrow::float64(), "[1.5, -0.0, NaN, Inf, null]"),
      column(arrow::boolean(), "[true, false, true, false, null]"),
      column(arrow::int8(), "[127, -128, 0, 1, null]"),
      column(arrow::uint64(), "[0, 18446744073709551615, 1, 2, null]"),
      column(arrow::float32(), "[0.1, 0.5, 0, 1, null]"),
      column(arrow::decimal128(10, 2), R"(["0.10", "-1.00", "99999999.99", "0.00", null])"),
      column(micros, R"(["1970-01-01", "2020-01-01", "1900-01-01", "2100-01-01", null])"),
      column(nanos, R"(["1970-01-01", "2020-01-01", "1900-01-01", "2100-01-01", null])"),
      column(arrow::date32(), "[0, 18262, -1, 2147483647, null]"),
      column(arrow::time64(arrow::TimeUnit::NANO), "[0, 1, 86399999999999, 2, null]"),
      column(arrow::binary(), R"(["", "X", "\\x41", "a longer value", null])"),
  };
  arrow::FieldVector fields;
  for (const auto& array : columns) {
    fields.push_back(arrow::field(std::string(1, static_cast<char>('a' + fields.size())), array->type()));
  }
  return arrow::RecordBatch::Make(arrow::schema(fields), 5, columns);
}

// How many rows match; -1 if one cannot be evaluated.
int64_t Count(const Predicate& predicate, const std::shared_ptr<arrow::RecordBatch>& batch) {
  const auto rows = predicate.Filter(batch);
  if (rows) return *rows == nullptr ? 0 : (*rows)->num_rows();
  Require(rows.error().As<PredicateEvalDetail>() != nullptr);
  return -1;
}

void Check(std::string_view text) {
  static const auto batch = Events();
  const auto predicate = Predicate::Compile(text, batch->schema());
  if (!predicate) {
    const Error& error = predicate.error();
    Require(error.code() == ErrorCode::kInvalidArgument);
    if (const auto* parse = error.As<PredicateParseDetail>()) {
      Require(parse->position >= -1 && parse->position <= static_cast<int64_t>(text.size()));
    } else {
      Require(error.As<PredicateUnsupportedDetail>() != nullptr);
    }
    return;
  }
  int64_t matched = 0;
  bool failed = false;
  for (int64_t i = 0; i < batch->num_rows(); ++i) {
    const int64_t one = Count(*predicate, batch->Slice(i, 1));
    failed |= one < 0;
    matched += one;
  }
  if (!failed) Require(Count(*predicate, batch) == matched);
  const auto again = Predicate::Compile(predicate->source_sql(), batch->schema());
  Require(again.has_value());
  Require(Count(*again, batch) == Count(*predicate, batch));
}

}  // namespace
}  // namespace jammi

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  jammi::Check(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
