// Every type of Arrow's that a topic may have, as JSON.
#include "rows/row_json.h"

#include <arrow/api.h>
#include <gmock/gmock.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace jammi {
namespace {

std::string RowOf(const std::shared_ptr<arrow::Array>& array, int64_t row = 0) {
  const auto schema = arrow::schema({arrow::field("c", array->type())});
  const auto batch = arrow::RecordBatch::Make(schema, array->length(), {array});
  std::string out;
  AppendRowJson(*batch, row, out);
  EXPECT_TRUE(nlohmann::json::accept(out)) << out;
  return out.substr(5, out.size() - 6);  // {"c":...}
}

// One value, by its type and Arrow's own text of it.
std::string One(const std::shared_ptr<arrow::DataType>& type, const std::string& text) {
  const auto scalar = arrow::Scalar::Parse(type, text);
  EXPECT_TRUE(scalar.ok()) << scalar.status().ToString();
  return RowOf(*arrow::MakeArrayFromScalar(**scalar, 1));
}
std::string One(const arrow::Scalar& scalar) { return RowOf(*arrow::MakeArrayFromScalar(scalar, 1)); }

TEST(RowJson, NumbersKeepTheirDigits) {
  EXPECT_EQ(One(arrow::int8(), "-128"), "-128");
  EXPECT_EQ(One(arrow::uint8(), "255"), "255");
  EXPECT_EQ(One(arrow::int64(), "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(One(arrow::uint64(), "18446744073709551615"), "18446744073709551615");
  EXPECT_EQ(One(arrow::float32(), "0.1"), "0.1");
  EXPECT_EQ(One(arrow::float64(), "0.1"), "0.1");
  EXPECT_EQ(One(arrow::float64(), "1e300"), "1e+300");
  EXPECT_EQ(One(arrow::boolean(), "true"), "true");
}

TEST(RowJson, WhatIsNoNumberInJsonIsText) {
  EXPECT_EQ(One(arrow::DoubleScalar(std::nan(""))), R"("NaN")");
  EXPECT_EQ(One(arrow::DoubleScalar(std::numeric_limits<double>::infinity())), R"("Infinity")");
  EXPECT_EQ(One(arrow::FloatScalar(-std::numeric_limits<float>::infinity())), R"("-Infinity")");
  EXPECT_EQ(One(arrow::HalfFloatScalar(uint16_t{0x3e00})), "1.5");
  EXPECT_EQ(One(arrow::Decimal128Scalar(arrow::Decimal128(1230), arrow::decimal128(10, 2))), R"("12.30")");
  EXPECT_EQ(One(arrow::Decimal256Scalar(arrow::Decimal256("123456789012345678901234567890"),
                                        arrow::decimal256(60, 0))),
            R"("123456789012345678901234567890")");
}

TEST(RowJson, TextsAndBytes) {
  EXPECT_EQ(One(arrow::StringScalar("a\"\\\n\x01\xc3\xa9")), "\"a\\\"\\\\\\u000a\\u0001\xc3\xa9\"");
  EXPECT_EQ(One(arrow::LargeStringScalar("x")), R"("x")");
  EXPECT_EQ(One(arrow::StringViewScalar(arrow::Buffer::FromString("view"))), R"("view")");
  EXPECT_EQ(One(arrow::BinaryScalar(arrow::Buffer::FromString(std::string("\0\xff", 2)))), R"("AP8=")");
  EXPECT_EQ(One(arrow::FixedSizeBinaryScalar(arrow::Buffer::FromString("ab"), arrow::fixed_size_binary(2))),
            R"("YWI=")");
}

TEST(RowJson, TimesAreTexts) {
  EXPECT_EQ(One(arrow::date32(), "2026-01-02"), R"("2026-01-02")");
  EXPECT_EQ(One(arrow::timestamp(arrow::TimeUnit::MICRO), "2026-01-02 03:04:05.000006"),
            R"("2026-01-02 03:04:05.000006")");
  EXPECT_EQ(One(arrow::time32(arrow::TimeUnit::SECOND), "03:04:05"), R"("03:04:05")");
}

TEST(RowJson, NullsAndNestedValues) {
  EXPECT_EQ(One(arrow::Int32Scalar()), "null");
  arrow::ListBuilder lists(arrow::default_memory_pool(), std::make_shared<arrow::Int32Builder>());
  auto& values = static_cast<arrow::Int32Builder&>(*lists.value_builder());
  ASSERT_TRUE(lists.Append().ok() && values.Append(9).ok());
  ASSERT_TRUE(lists.Append().ok() && values.Append(1).ok() && values.AppendNull().ok());
  const auto list = *lists.Finish();
  EXPECT_EQ(RowOf(list, 1), "[1,null]");
  const auto pair =
      *arrow::StructArray::Make({list->Slice(1), list->Slice(1)}, std::vector<std::string>{"a", "b\""});
  EXPECT_EQ(RowOf(pair), R"({"a":[1,null],"b\"":[1,null]})");

  arrow::MapBuilder maps(arrow::default_memory_pool(), std::make_shared<arrow::StringBuilder>(),
                         std::make_shared<arrow::Int32Builder>());
  ASSERT_TRUE(maps.Append().ok());
  ASSERT_TRUE(static_cast<arrow::StringBuilder&>(*maps.key_builder()).Append("k").ok());
  ASSERT_TRUE(static_cast<arrow::Int32Builder&>(*maps.item_builder()).Append(3).ok());
  EXPECT_EQ(RowOf(*maps.Finish()), R"([{"key":"k","value":3}])");
}

TEST(RowJson, DictionariesAreTheirValues) {
  arrow::StringDictionaryBuilder builder;
  ASSERT_TRUE(builder.Append("x").ok() && builder.Append("y").ok() && builder.AppendNull().ok());
  const auto array = *builder.Finish();
  EXPECT_EQ(RowOf(array, 1), R"("y")");
  EXPECT_EQ(RowOf(array, 2), "null");
}

}  // namespace
}  // namespace jammi
