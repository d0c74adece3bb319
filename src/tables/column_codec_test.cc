// Whatever a column holds is read as it was written: every type, on each database, with no, some and only
// nulls (the property of issue "mutable tables", weakness 3 of the reference).
#include "tables/column_codec.h"

#include <arrow/util/decimal.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <random>

#include "support/random.h"
#include "tables/table_fixture.h"

namespace jammi::test {
namespace {

using testing::HasSubstr;

struct TypeCase {
  std::shared_ptr<arrow::DataType> type;
  std::vector<std::string> values;  // as JSON, in ascending order where the type has one
};

std::vector<TypeCase> TypeCases() {
  using namespace arrow;  // NOLINT: a table of Arrow's types
  const std::vector<std::string> ticks = {"-9223372036854775808", "-1", "0", "1700000000123456",
                                          "9223372036854775807"};
  const std::vector<std::string> small = {"0", "1", "86399"};
  const std::vector<std::string> texts = {
      R"("")",        R"("Z")", R"("a")", R"("a'\"b")", R"("longer than twelve bytes, so not inline")",
      R"("zürich €")"};
  const std::vector<std::string> lists = {"[]", "[1]", "[2, null, 3]"};
  const auto point = struct_({field("x", int32()), field("name", utf8())});
  return {
      {boolean(), {"false", "true"}},
      {int8(), {"-128", "0", "127"}},
      {int16(), {"-32768", "0", "32767"}},
      {int32(), {"-2147483648", "0", "2147483647"}},
      {int64(), {"-9223372036854775808", "-1", "0", "9223372036854775807"}},
      {uint8(), {"0", "1", "255"}},
      {uint16(), {"0", "1", "65535"}},
      {uint32(), {"0", "1", "4294967295"}},
      {uint64(), {"0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"}},
      {float16(), {"-Inf", "-65504", "-1", "0", "0.5", "65504", "Inf", "NaN"}},
      {float32(), {"-Inf", "-1.25", "0", "1e-45", "0.5", "1e30", "Inf", "NaN"}},
      {float64(), {"-Inf", "-1e300", "-1.25", "0", "5e-324", "3.75", "1e300", "Inf", "NaN"}},
      {decimal32(7, 2), {R"("-99999.99")", R"("-0.01")", R"("0.00")", R"("1.25")", R"("99999.99")"}},
      {decimal64(15, 3), {R"("-999999999999.999")", R"("-0.001")", R"("1.250")", R"("999999999999.999")"}},
      {decimal128(38, 9),
       {R"("-99999999999999999999999999999.999999999")", R"("-2.000000000")", R"("0.000000000")",
        R"("1.000000001")", R"("99999999999999999999999999999.999999999")"}},
      {decimal256(76, 0),
       {R"("-1234567890123456789012345678901234567890123456789012345678901234567890")", R"("-1")", R"("0")",
        R"("1234567890123456789012345678901234567890123456789012345678901234567890")"}},
      {date32(), {"-719162", "0", "20000"}},
      {date64(), {"-86400000", "0", "172800000"}},
      {time32(TimeUnit::SECOND), small},
      {time32(TimeUnit::MILLI), small},
      {time64(TimeUnit::MICRO), small},
      {time64(TimeUnit::NANO), small},
      {timestamp(TimeUnit::SECOND), ticks},
      {timestamp(TimeUnit::MICRO, "UTC"), ticks},
      {timestamp(TimeUnit::NANO, "Europe/Berlin"), ticks},
      {duration(TimeUnit::SECOND), ticks},
      {duration(TimeUnit::NANO), ticks},
      {utf8(), texts},
      {large_utf8(), texts},
      {utf8_view(), texts},
      {binary(), texts},
      {large_binary(), texts},
      {binary_view(), texts},
      {fixed_size_binary(3), {R"("   ")", R"("abc")", R"("def")"}},
      {month_interval(), {"-5", "0", "7"}},
      {day_time_interval(), {"[0, 0]", "[1, -5]", "[-7, 86399999]"}},
      {month_day_nano_interval(), {"[0, 0, 0]", "[1, -2, 3]", "[-1, 31, 999]"}},
      {list(int32()), lists},
      {large_list(int32()), lists},
      {fixed_size_list(float32(), 2), {"[1, 2]", "[null, 3]", "[4, null]"}},
      {list(list(utf8())), {"[]", R"([["a", null], null])", R"([[], ["b"]])"}},
      {point, {R"({"x": 1, "name": "a"})", R"({"x": null, "name": "b"})", R"({"x": 3, "name": null})"}},
      {list(point), {"[]", R"([{"x": 1, "name": "a"}, null])", R"([{"x": 2, "name": null}])"}},
      {map(utf8(), int32()), {"[]", R"([["a", 1]])", R"([["a", null], ["b", 2]])"}},
  };
}

bool EqualAlsoNaN(const arrow::Array& a, const arrow::Array& b) {
  return a.Equals(b, arrow::EqualOptions::Defaults().nans_equal(true).signed_zeros_equal(false));
}

class ColumnCodecTest : public TableTest {
 protected:
  static std::shared_ptr<arrow::Array> Counting(int64_t rows) {
    arrow::Int64Builder builder;
    for (int64_t i = 0; i < rows; ++i) EXPECT_TRUE(builder.Append(i).ok());
    return *builder.Finish();
  }

  // Writes a column into a table of its own, and reads it.
  std::shared_ptr<arrow::Array> ThereAndBack(const std::shared_ptr<arrow::Array>& column) {
    const std::string id = fmt::format("t{}", ++tables_);
    const auto schema =
        arrow::schema({arrow::field("k", arrow::int64(), false), arrow::field("v", column->type())});
    Ok(As(kA).Create({.id = id, .schema = schema, .primary_key = {"k"}}));
    const auto rows =
        arrow::RecordBatch::Make(schema, column->length(), {Counting(column->length()), column});
    EXPECT_EQ(Ok(As(kA).Append(id, rows)), column->length());
    const auto stored = StoredRows(kA, id);
    EXPECT_TRUE(stored->ValidateFull().ok());
    return stored->column(1);
  }

  int tables_ = 0;
};

JAMMI_ON_EVERY_DATABASE(ColumnCodecTest);

TEST_P(ColumnCodecTest, EveryTypeIsReadAsItWasWritten) {
  const uint64_t seed = FromEnvironment("JAMMI_TABLES_SEED", 17);
  SCOPED_TRACE(Replay("JAMMI_TABLES_SEED", seed));
  Random random(seed);
  for (const TypeCase& one : TypeCases()) {
    for (const uint64_t nulls : {0, 30, 100}) {
      // Few rows go another way than many.
      for (const int rows : {1, 23, 700}) {
        if (rows == 700 && nulls != 30) continue;
        std::string json;
        for (int i = 0; i < rows; ++i) {
          json += i == 0 ? "[" : ", ";
          json += random.Percent(nulls) ? "null" : one.values[random.Below(one.values.size())];
        }
        const auto column = ArrayFromJson(one.type, json + "]");
        const auto back = ThereAndBack(column);
        EXPECT_TRUE(EqualAlsoNaN(*column, *back))
            << one.type->ToString() << "\nwritten: " << column->ToString() << "\nread: " << back->ToString();
      }
    }
  }
}

TEST_P(ColumnCodecTest, ASliceIsWrittenAlone) {
  for (const TypeCase& one : TypeCases()) {
    const auto column = ArrayFromJson(
        one.type, fmt::format("[{0}, {1}, null, {0}, {1}]", one.values.front(), one.values.back()));
    EXPECT_TRUE(EqualAlsoNaN(*column->Slice(1, 3), *ThereAndBack(column->Slice(1, 3))))
        << one.type->ToString();
  }
}

// Keys, indexes and comparisons in the database rest on it.
TEST_P(ColumnCodecTest, StoredValuesOrderAsTheValuesDo) {
  for (const TypeCase& one : TypeCases()) {
    const auto field = arrow::field("k", one.type, false);
    if (!Ok(ColumnCodec::Make(field)).ordered()) continue;
    const std::string id = fmt::format("t{}", ++tables_);
    const auto schema = arrow::schema({field});
    Ok(As(kA).Create({.id = id, .schema = schema, .primary_key = {"k"}}));
    std::string ascending;
    std::string descending;
    for (const std::string& value : one.values) {
      ascending += (ascending.empty() ? "[[" : ", [") + value + "]";
      descending = "[" + value + "]" + (descending.empty() ? "]" : ", ") + descending;
    }
    Ok(As(kA).Append(id, BatchFromJson(schema, "[" + descending)));
    const auto sorted = BatchFromJson(schema, ascending + "]");
    EXPECT_TRUE(EqualAlsoNaN(*StoredRows(kA, id)->column(0), *sorted->column(0))) << one.type->ToString();
  }
}

TEST_P(ColumnCodecTest, FloatsKeepTheirBits) {
  arrow::DoubleBuilder builder;
  const double tiny = std::numeric_limits<double>::denorm_min();
  for (const double value :
       {-0.0, 0.0, -std::nan(""), std::nan("7"), tiny, -tiny, std::numeric_limits<double>::max(),
        std::numeric_limits<double>::lowest(), std::numeric_limits<double>::infinity()}) {
    ASSERT_TRUE(builder.Append(value).ok());
  }
  const auto column = std::static_pointer_cast<arrow::DoubleArray>(*builder.Finish());
  const auto back = std::static_pointer_cast<arrow::DoubleArray>(ThereAndBack(column));
  for (int64_t i = 0; i < column->length(); ++i) {
    EXPECT_EQ(std::isnan(column->Value(i)), std::isnan(back->Value(i)));
    if (std::isnan(column->Value(i))) continue;  // one NaN is as good as another
    EXPECT_EQ(std::bit_cast<uint64_t>(column->Value(i)), std::bit_cast<uint64_t>(back->Value(i))) << i;
  }
}

TEST_P(ColumnCodecTest, BytesAreAnyBytes) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  arrow::BinaryBuilder builder;
  for (const auto& bytes : {std::string("\0\xff\xc3", 3), all, std::string(), std::string(1 << 20, '\0')})
    ASSERT_TRUE(builder.Append(bytes).ok());
  const auto column = *builder.Finish();
  EXPECT_TRUE(column->Equals(ThereAndBack(column)));
}

TEST_P(ColumnCodecTest, TextWithU0000IsRefusedByName) {
  Ok(As(kA).Create(Widgets()));
  for (const int64_t rows : {1, 1000}) {
    arrow::Int64Builder ids;
    arrow::StringBuilder names;
    for (int64_t i = 0; i < rows; ++i) {
      ASSERT_TRUE(ids.Append(i).ok());
      ASSERT_TRUE(names.Append(i == rows - 1 ? std::string("a\0b", 3) : "fine").ok());
    }
    const auto batch = arrow::RecordBatch::Make(WidgetSchema(), rows, {*ids.Finish(), *names.Finish()});
    const auto refused = As(kA).Append("widgets", batch);
    const auto* detail = Refusal(refused, ErrorCode::kInvalidArgument, TableFault::kInvalidValue);
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->table, "widgets");
    EXPECT_EQ(detail->column, "name");
    EXPECT_THAT(refused.error().message(), HasSubstr(fmt::format("row {}", rows - 1)));
  }
  EXPECT_EQ(StoredRows(kA, "widgets")->num_rows(), 0);
}

TEST(ColumnCodec, WhatItCannotHoldIsRefusedByName) {
  for (const auto& type :
       {arrow::null(), arrow::dictionary(arrow::int8(), arrow::utf8()), arrow::list_view(arrow::int32()),
        arrow::list(arrow::dictionary(arrow::int8(), arrow::utf8())), arrow::list(arrow::null()),
        arrow::dense_union({arrow::field("i", arrow::int32())}),
        arrow::run_end_encoded(arrow::int32(), arrow::utf8())}) {
    const auto refused = ColumnCodec::Make(arrow::field("v", type));
    ASSERT_FALSE(refused) << type->ToString();
    const auto* detail = refused.error().As<UnsupportedSchemaTypeDetail>();
    ASSERT_NE(detail, nullptr);
    EXPECT_EQ(detail->column, "v");
    EXPECT_EQ(detail->data_type, type->ToString());
  }
}

TEST(ColumnCodec, WhatWasNeverWrittenIsDataLoss) {
  const uint8_t bytes[] = {1, 2, 3};
  const auto decode = [](const std::shared_ptr<arrow::DataType>& type, const Row::Cell& cell) {
    const auto codec = Ok(ColumnCodec::Make(arrow::field("v", type)));
    return CodeOf(Ok(codec.NewDecoder())->Append(cell));
  };
  EXPECT_EQ(decode(arrow::int8(), int64_t{128}), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::boolean(), int64_t{2}), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::int64(), std::string_view("1")), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::utf8(), int64_t{1}), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::utf8(), SqlBytes(bytes)), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::fixed_size_binary(2), SqlBytes(bytes)), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::decimal128(10, 2), SqlBytes(bytes)), ErrorCode::kDataLoss);
  EXPECT_EQ(decode(arrow::list(arrow::int32()), SqlBytes(bytes)), ErrorCode::kDataLoss);
}

}  // namespace
}  // namespace jammi::test
