// Every type that can be filtered, in every layout that Arrow gives it, against a plain evaluation.
#include <arrow/compute/api.h>
#include <arrow/io/memory.h>
#include <arrow/ipc/api.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <optional>

#include "predicate/test_support.h"
#include "support/random.h"

namespace jammi::predicate {
namespace {

using Types = std::vector<std::string>;

// Values of a type in ascending order, as JSON and as SQL.
struct TypeCase {
  std::shared_ptr<arrow::DataType> type;
  Types json;
  Types sql;
};

void PrintTo(const TypeCase& type, std::ostream* out) { *out << type.type->ToString(); }

std::vector<TypeCase> Cases() {
  const Types small = {"-100", "-1", "0", "7", "100"};
  const Types natural = {"0", "1", "7", "100", "200"};
  const Types halves = {"-100.5", "-1", "0", "0.25", "100"};
  const Types text_json = {R"("")", R"("a")", R"("a long text, more than twelve bytes")", R"("b")",
                           R"("äöü")"};
  const Types text_sql = {"''", "'a'", "'a long text, more than twelve bytes'", "'b'", "'äöü'"};
  const Types bytes_json = {R"("")", R"("a")", R"("a long text, more than twelve bytes")", R"("b")"};
  const Types bytes_sql = {"X''", "'a'", "'a long text, more than twelve bytes'", "X'62'"};
  const Types decimals_json = {R"("-99.50")", R"("-0.01")", R"("0.00")", R"("7.25")", R"("99.99")"};
  const Types decimals_sql = {"-99.5", "-0.01", "0", "7.25", "'99.99'"};
  const Types times_json = {R"("1969-12-31 23:59:59")", R"("1970-01-01")", R"("2024-02-29 12:00:00")",
                            R"("2100-01-01")"};
  const Types times_sql = {"'1969-12-31 23:59:59'", "'1970-01-01'", "TIMESTAMP '2024-02-29 12:00:00'",
                           "DATE '2100-01-01'"};
  const Types dates_json = {"-1", "0", "19000"};
  const Types dates_sql = {"'1969-12-31'", "DATE '1970-01-01'", "'2022-01-08'"};

  std::vector<TypeCase> cases = {
      {arrow::boolean(), {"false", "true"}, {"FALSE", "TRUE"}},
      {arrow::int8(), small, small},
      {arrow::int16(), small, small},
      {arrow::int32(), small, small},
      {arrow::int64(),
       {"-9223372036854775808", "-1", "0", "9007199254740993", "9223372036854775807"},
       {"-9223372036854775808", "-1", "'0'", "9007199254740993", "9223372036854775807"}},
      {arrow::uint8(), natural, natural},
      {arrow::uint16(), natural, natural},
      {arrow::uint32(), natural, natural},
      {arrow::uint64(), {"0", "7", "18446744073709551615"}, {"0", "7", "18446744073709551615"}},
      {arrow::float16(), halves, halves},
      {arrow::float32(), halves, halves},
      {arrow::float64(), {"-1e300", "-0.1", "0", "0.1", "1e300"}, {"-1e300", "-0.1", "0", "0.1", "'1e300'"}},
      {arrow::decimal32(4, 2), decimals_json, decimals_sql},
      {arrow::decimal32(9, 2), decimals_json, decimals_sql},
      {arrow::decimal64(12, 2), decimals_json, decimals_sql},
      {arrow::decimal128(4, 2), decimals_json, decimals_sql},
      {arrow::decimal128(9, 2), decimals_json, decimals_sql},
      {arrow::decimal128(18, 2), decimals_json, decimals_sql},
      {arrow::decimal128(38, 2), decimals_json, decimals_sql},
      {arrow::decimal256(10, 2), decimals_json, decimals_sql},
      {arrow::decimal256(38, 2), decimals_json, decimals_sql},
      {arrow::utf8(), text_json, text_sql},
      {arrow::large_utf8(), text_json, text_sql},
      {arrow::utf8_view(), text_json, text_sql},
      {arrow::binary(), bytes_json, bytes_sql},
      {arrow::large_binary(), bytes_json, bytes_sql},
      {arrow::binary_view(), bytes_json, bytes_sql},
      {arrow::fixed_size_binary(3), {R"("abc")", R"("abd")", R"("b  ")"}, {"'abc'", "'abd'", "'b  '"}},
      {arrow::date32(), dates_json, dates_sql},
      {arrow::date64(), {"-86400000", "0", "1641600000000"}, dates_sql},
      {arrow::time32(arrow::TimeUnit::SECOND),
       {"0", "3600", "86399"},
       {"'00:00'", "TIME '01:00:00'", "'23:59:59'"}},
      {arrow::time32(arrow::TimeUnit::MILLI),
       {"0", "1", "86399999"},
       {"'00:00'", "'00:00:00.001'", "'23:59:59.999'"}},
      {arrow::time64(arrow::TimeUnit::MICRO),
       {"0", "1", "3600000000"},
       {"'00:00'", "'00:00:00.000001'", "'01:00'"}},
      {arrow::time64(arrow::TimeUnit::NANO),
       {"0", "1", "3600000000000"},
       {"'00:00'", "'00:00:00.000000001'", "TIME '01:00'"}},
      {arrow::dictionary(arrow::int8(), arrow::utf8()), text_json, text_sql},
      {arrow::dictionary(arrow::uint32(), arrow::large_utf8()), text_json, text_sql},
      {arrow::dictionary(arrow::int64(), arrow::int32()), small, small},
      {arrow::dictionary(arrow::int16(), arrow::decimal128(10, 2)), decimals_json, decimals_sql},
  };
  for (const auto unit :
       {arrow::TimeUnit::SECOND, arrow::TimeUnit::MILLI, arrow::TimeUnit::MICRO, arrow::TimeUnit::NANO}) {
    cases.push_back({arrow::timestamp(unit), times_json, times_sql});
    cases.push_back({arrow::timestamp(unit, "Europe/Berlin"), times_json, times_sql});
  }
  return cases;
}

struct Operator {
  std::string sql;
  bool (*holds)(size_t value, size_t literal);
};
const std::vector<Operator> kOperators = {
    {"=", [](size_t a, size_t b) { return a == b; }}, {"<>", [](size_t a, size_t b) { return a != b; }},
    {"<", [](size_t a, size_t b) { return a < b; }},  {"<=", [](size_t a, size_t b) { return a <= b; }},
    {">", [](size_t a, size_t b) { return a > b; }},  {">=", [](size_t a, size_t b) { return a >= b; }}};

// A column of random values, of which `nulls` in a hundred are null; "value" says which it is.
struct RandomColumn {
  std::shared_ptr<arrow::Array> array;
  std::vector<std::optional<size_t>> values;
};
RandomColumn MakeColumn(const TypeCase& type, int64_t rows, uint64_t nulls, test::Random& random) {
  RandomColumn column;
  std::string json = "[";
  for (int64_t i = 0; i < rows; ++i) {
    if (random.Percent(nulls))
      column.values.emplace_back();
    else
      column.values.emplace_back(random.Below(type.json.size()));
    json += fmt::format("{}{}", i == 0 ? "" : ",",
                        column.values.back() ? type.json[*column.values.back()] : "null");
  }
  column.array = Values(type.type, json + "]");
  return column;
}

// The rows that a batch holds, by its column "row".
std::vector<int64_t> RowsOf(const std::shared_ptr<arrow::RecordBatch>& batch) {
  std::vector<int64_t> rows;
  if (batch == nullptr) return rows;
  const auto column = std::static_pointer_cast<arrow::Int64Array>(batch->GetColumnByName("row"));
  for (int64_t i = 0; i < column->length(); ++i) rows.push_back(column->Value(i));
  return rows;
}

void ExpectAgreement(const TypeCase& type, int64_t rows, uint64_t nulls, test::Random& random) {
  const RandomColumn column = MakeColumn(type, rows, nulls, random);
  arrow::Int64Builder numbers;
  for (int64_t i = 0; i < rows; ++i) ASSERT_TRUE(numbers.Append(i).ok());
  const auto whole = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("row", arrow::int64()), arrow::field("c", column.array->type())}), rows,
      {*numbers.Finish(), column.array});
  const int64_t first = rows == 0 ? 0 : static_cast<int64_t>(random.Below(static_cast<uint64_t>(rows)));
  const int64_t count = static_cast<int64_t>(random.Below(static_cast<uint64_t>(rows - first) + 1));
  for (const auto& batch : {whole, whole->Slice(first, count)}) {
    const int64_t offset = batch == whole ? 0 : first;
    const auto& op = kOperators[random.Below(kOperators.size())];
    const size_t literal = random.Below(type.sql.size());
    const std::string sql = fmt::format("c {} {}", op.sql, type.sql[literal]);
    std::vector<int64_t> expected;
    for (int64_t i = offset; i < offset + batch->num_rows(); ++i) {
      const auto& value = column.values[static_cast<size_t>(i)];
      if (value && op.holds(*value, literal)) expected.push_back(i);
    }
    const auto predicate = Predicate::Compile(sql, batch->schema());
    ASSERT_TRUE(predicate) << sql << ": " << predicate.error().ToString();
    const auto result = predicate->Filter(batch);
    ASSERT_TRUE(result) << sql << ": " << result.error().ToString();
    ASSERT_EQ(RowsOf(*result), expected) << sql << " over " << column.array->type()->ToString();
  }
}

class Column : public testing::TestWithParam<TypeCase> {};

TEST_P(Column, Trg102AgreesWithAPlainEvaluation) {
  const uint64_t seed = test::FromEnvironment("JAMMI_PREDICATE_SEED", 20261);
  SCOPED_TRACE(test::Replay("JAMMI_PREDICATE_SEED", seed));
  test::Random random(seed);
  for (const uint64_t nulls : {0, 10, 90, 100}) {
    for (const int64_t rows : {0, 1, 2, 63, 64, 65, 200, 2047, 2048, 2049, 5000}) {
      ExpectAgreement(GetParam(), rows, nulls, random);
      if (HasFatalFailure()) return;
    }
  }
}

// What came over a wire may lie at any address.
TEST_P(Column, ValuesAtAnOddAddressAreRead) {
  test::Random random(7);
  const RandomColumn column = MakeColumn(GetParam(), 100, 20, random);
  const auto schema = arrow::schema({arrow::field("c", column.array->type())});
  const auto aligned = arrow::RecordBatch::Make(schema, 100, {column.array});
  arrow::ArrayData shifted = *column.array->data();
  std::vector<std::vector<uint8_t>> memory(shifted.buffers.size());
  for (size_t i = 0; i < shifted.buffers.size(); ++i) {
    if (shifted.buffers[i] == nullptr || shifted.buffers[i]->size() == 0) continue;
    const auto& buffer = *shifted.buffers[i];
    memory[i].assign(1, 0);
    memory[i].insert(memory[i].end(), buffer.data(), buffer.data() + buffer.size());
    shifted.buffers[i] = std::make_shared<arrow::Buffer>(memory[i].data() + 1, buffer.size());
  }
  const auto odd = arrow::RecordBatch::Make(
      schema, 100, arrow::ArrayVector{arrow::MakeArray(std::make_shared<arrow::ArrayData>(shifted))});
  for (const std::string& literal : GetParam().sql) {
    EXPECT_EQ(Matches("c >= " + literal, odd), Matches("c >= " + literal, aligned));
  }
}

// The schema of the result is that of the batch, whatever else it holds.
TEST_P(Column, Trg103ItsRowsCanBeTaken) {
  test::Random random(9);
  const RandomColumn column = MakeColumn(GetParam(), 10, 20, random);
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("n", arrow::int64()), arrow::field("c", column.array->type())}), 10,
      {Values(arrow::int64(), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]"), column.array});
  const auto result = Predicate::Compile("n IN (1, 4, 9)", batch->schema())->Filter(batch);
  ASSERT_TRUE(result) << result.error().ToString();
  ASSERT_EQ((*result)->num_rows(), 3);
  ASSERT_TRUE((*result)->ValidateFull().ok());
  EXPECT_TRUE((*result)->Slice(1, 1)->Equals(*batch->Slice(4, 1)));
}

std::string CaseName(const testing::TestParamInfo<TypeCase>& info) {
  std::string name;
  for (const char c : info.param.type->ToString())
    name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return fmt::format("{}_{}", info.index, name);
}
INSTANTIATE_TEST_SUITE_P(Types, Column, testing::ValuesIn(Cases()), CaseName);

// Types that can be read and not filtered: the error names them, and their rows travel with the others.
class Unfilterable : public testing::TestWithParam<std::shared_ptr<arrow::DataType>> {};
TEST_P(Unfilterable, Trg097IsNamedAndTravels) {
  const auto array = *arrow::MakeArrayOfNull(GetParam(), 5);
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("n", arrow::int64()), arrow::field("c", GetParam())}), 5,
      {Values(arrow::int64(), "[0, 1, 2, 3, 4]"), array});
  const auto refused = Predicate::Compile("n = 1 OR c IS NULL", batch->schema());
  ASSERT_FALSE(refused);
  EXPECT_EQ(KindOf(refused.error()), "parse");
  EXPECT_THAT(refused.error().message(),
              testing::HasSubstr("the column 'c' of type " + GetParam()->ToString()));
  const auto taken = Predicate::Compile("n IN (0, 2, 3)", batch->schema())->Filter(batch);
  ASSERT_TRUE(taken) << taken.error().ToString();
  EXPECT_EQ((*taken)->num_rows(), 3);
  EXPECT_TRUE((*taken)->schema()->Equals(*batch->schema()));
  EXPECT_TRUE((*taken)->ValidateFull().ok());
}
INSTANTIATE_TEST_SUITE_P(
    Types, Unfilterable,
    testing::Values(arrow::null(), arrow::list(arrow::int32()), arrow::large_list(arrow::utf8()),
                    arrow::list_view(arrow::int32()), arrow::large_list_view(arrow::int32()),
                    arrow::fixed_size_list(arrow::float32(), 3),
                    arrow::struct_({arrow::field("a", arrow::int64())}),
                    arrow::map(arrow::utf8(), arrow::int64()), arrow::duration(arrow::TimeUnit::MICRO),
                    arrow::month_interval(), arrow::day_time_interval(), arrow::month_day_nano_interval(),
                    arrow::dense_union({arrow::field("a", arrow::int64())}),
                    arrow::sparse_union({arrow::field("a", arrow::int64())}),
                    arrow::run_end_encoded(arrow::int32(), arrow::utf8()), arrow::list(arrow::utf8_view()),
                    arrow::struct_({arrow::field("a", arrow::binary_view())}),
                    arrow::fixed_size_list(arrow::run_end_encoded(arrow::int16(), arrow::int8()), 2),
                    arrow::decimal256(39, 2), arrow::decimal256(76, 0), arrow::decimal128(5, -2),
                    arrow::decimal128(5, 6), arrow::dictionary(arrow::int32(), arrow::list(arrow::int32()))),
    [](const auto& type) { return fmt::format("{}_{}", type.index, type.param->name()); });

TEST(Columns, ATimeThatDoesNotFitIsAnError) {
  for (const auto unit : {arrow::TimeUnit::SECOND, arrow::TimeUnit::MILLI}) {
    arrow::TimestampBuilder builder(arrow::timestamp(unit), arrow::default_memory_pool());
    ASSERT_TRUE(builder.Append(0).ok() && builder.Append(INT64_MAX).ok() && builder.AppendNull().ok());
    const auto batch = arrow::RecordBatch::Make(arrow::schema({arrow::field("t", arrow::timestamp(unit))}), 3,
                                                {*builder.Finish()});
    EXPECT_EQ(Matches("t >= '1970-01-01'", batch), "1E0");
  }
  // The widest unit that fits is compared as it is.
  arrow::TimestampBuilder builder(arrow::timestamp(arrow::TimeUnit::MICRO), arrow::default_memory_pool());
  ASSERT_TRUE(builder.Append(INT64_MAX).ok() && builder.Append(INT64_MIN).ok());
  const auto batch = arrow::RecordBatch::Make(
      arrow::schema({arrow::field("t", arrow::timestamp(arrow::TimeUnit::MICRO))}), 2, {*builder.Finish()});
  EXPECT_EQ(Matches("t > '1970-01-01'", batch), "10");
}

// Batches are validated before they get here; should one not be, it must not bring the process down.
TEST(Columns, TextThatIsNotUtf8IsAnError) {
  arrow::StringBuilder builder;
  for (const std::string text : {"abc", "\xff\xfe", "tr\xc3", "\xe6\x97", "\xf0\x9f\x98"}) {
    ASSERT_TRUE(builder.Append(text).ok());
  }
  const auto batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("s", arrow::utf8())}), 5, {*builder.Finish()});
  EXPECT_EQ(Matches("s = 'abc'", batch), "10000");  // bytes are compared as bytes
  for (const std::string sql : {"lower(s) = 'abc'", "upper(s) = 'ABC'", "s LIKE '___'", "s ILIKE 'ABC'",
                                "s ~ 'b'", "length(s) = 3", "starts_with(s, 'a')"}) {
    EXPECT_EQ(Matches(sql, batch), "1EEEE") << sql;
  }
}

TEST(Columns, NullSlotsAreNotLookedAt) {
  // A view whose null slot points outside of every buffer, and a dictionary index that does too.
  arrow::StringViewBuilder builder;
  ASSERT_TRUE(builder.Append("a text of more than twelve bytes").ok() && builder.AppendNull().ok());
  auto views = *builder.Finish();
  auto* slots = reinterpret_cast<arrow::BinaryViewType::c_type*>(views->data()->buffers[1]->mutable_data());
  slots[1].ref = {1'000'000, {}, 77, 1'000'000};
  const auto view_batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("s", arrow::utf8_view())}), 2, {views});
  EXPECT_EQ(Matches("starts_with(s, 'a text')", view_batch), "10");

  const auto dictionary = Values(arrow::utf8(), R"(["x", "y"])");
  auto indices = Values(arrow::int32(), "[1, null, 0]");
  reinterpret_cast<int32_t*>(indices->data()->buffers[1]->mutable_data())[1] = 1'000'000;
  const auto encoded = std::make_shared<arrow::DictionaryArray>(
      arrow::dictionary(arrow::int32(), arrow::utf8()), indices, dictionary);
  const auto encoded_batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("s", encoded->type())}), 3, {encoded});
  EXPECT_EQ(Matches("s = 'y'", encoded_batch), "100");
  EXPECT_EQ(Matches("s IS NULL", encoded_batch), "010");
}

TEST(Columns, ANullInADictionaryIsANullRow) {
  const auto dictionary = Values(arrow::utf8(), R"(["x", null, "y"])")->Slice(1);
  const auto encoded = std::make_shared<arrow::DictionaryArray>(
      arrow::dictionary(arrow::int8(), arrow::utf8()), Values(arrow::int8(), "[0, 1, null, 1]"), dictionary);
  const auto batch =
      arrow::RecordBatch::Make(arrow::schema({arrow::field("s", encoded->type())}), 4, {encoded});
  EXPECT_EQ(Matches("s IS NULL", batch), "1010");
  EXPECT_EQ(Matches("s = 'y'", batch), "0101");
}

TEST(Columns, ManyColumnsOfWhichFewAreNamed) {
  std::vector<TestColumn> columns;
  columns.reserve(500);
  for (int i = 0; i < 500; ++i)
    columns.push_back({fmt::format("c{}", i), arrow::int64(), fmt::format("[{}, {}]", i, -i)});
  EXPECT_EQ(Matches("c499 = 499 AND c0 = 0 AND c250 > 0", Batch(columns)), "10");
}

}  // namespace
}  // namespace jammi::predicate
