// What predicates mean where SQL dialects differ: each test is a row of a table in docs/predicates.md.
#include <gmock/gmock.h>

#include <cstdlib>

#include "predicate/test_support.h"

namespace jammi::predicate {
namespace {

using testing::HasSubstr;

// The machine's zone must not matter; it is set before DuckDB looks for it.
const int kZoneIsSet = setenv("TZ", "America/New_York", 1);  // NOLINT(concurrency-mt-unsafe)

// One row for each value, with the column "x".
std::string Over(const std::string& sql, const std::shared_ptr<arrow::DataType>& type,
                 const std::string& json) {
  return Matches(sql, Batch({{"x", type, json}}));
}

// --- The table "As the clients have it"

TEST(Difference, IntegersDivideTowardsZero) {
  EXPECT_EQ(Over("x / 2 = 3", arrow::int64(), "[6, 7, 8]"), "110");
  EXPECT_EQ(Over("x / 2 = -3", arrow::int32(), "[-6, -7, -8]"), "110");
  EXPECT_EQ(Over("x / 2 = 3.5", arrow::float64(), "[6, 7, 8]"), "010");
  EXPECT_EQ(Over("x / 2 = 3.5", arrow::decimal128(5, 1), R"(["6.0", "7.0"])"), "01");
}

TEST(Difference, IntegerDivisionByZeroIsAnError) {
  for (const auto& type : {arrow::int8(), arrow::int16(), arrow::int32(), arrow::int64(), arrow::uint8(),
                           arrow::uint16(), arrow::uint32(), arrow::uint64()}) {
    EXPECT_EQ(Over("8 / x = 4", type, "[2, 0, null]"), "1E0") << type->ToString();
    EXPECT_EQ(Over("8 % x = 0", type, "[2, 0, null]"), "1E0") << type->ToString();
  }
  EXPECT_EQ(Over("x % x = 0", arrow::decimal128(5, 2), R"(["2.00", "0.00"])"), "1E");
  EXPECT_THAT(Over("x / 0 = 1", arrow::int64(), "[1]"), "E");
  EXPECT_THAT(Over("1 / 0 = x", arrow::int64(), "[1]"), HasSubstr("division by zero (at byte 2)"));
}

TEST(Difference, TheLeastIntegerDividedByMinusOneIsAnError) {
  EXPECT_EQ(Over("x / -1 = 5", arrow::int64(), "[-5, -9223372036854775808]"), "1E");
  EXPECT_EQ(Over("x % -1 = 0", arrow::int64(), "[-5, -9223372036854775808]"), "11");
}

TEST(Difference, FloatsDivideByZeroAsIeeeHasIt) {
  EXPECT_EQ(Over("1 / x = 'Infinity'", arrow::float64(), "[0, 1]"), "10");
  EXPECT_EQ(Over("1 % x = 'NaN'", arrow::float64(), "[0, 1]"), "10");
}

TEST(Difference, RemaindersHaveTheSignOfTheDividend) {
  EXPECT_EQ(Over("x % 3 = -1", arrow::int64(), "[-7, 7]"), "10");
  EXPECT_EQ(Over("x % -3 = 1", arrow::int64(), "[-7, 7]"), "01");
  EXPECT_EQ(Over("x % 3 = -1.5", arrow::float64(), "[-7.5, 7.5]"), "10");
}

TEST(Difference, ARegexMatchesAnywhere) {
  const std::string words = R"(["quake", "a quake", "QUAKE", null])";
  EXPECT_EQ(Over("x ~ 'quake'", arrow::utf8(), words), "1100");
  EXPECT_EQ(Over("x ~ '^quake$'", arrow::utf8(), words), "1000");
  EXPECT_EQ(Over("x ~* 'quake'", arrow::utf8(), words), "1110");
  EXPECT_EQ(Over("x !~ 'quake'", arrow::utf8(), words), "0010");
  EXPECT_EQ(Over("x !~* 'quake'", arrow::utf8(), words), "0000");
  EXPECT_EQ(Over("'a quake' ~ x", arrow::utf8(), words), "1100");
}

TEST(Difference, SimilarToIsARegexMatch) {
  EXPECT_EQ(Over("x SIMILAR TO 'qu.ke'", arrow::utf8(), R"(["quake", "a quake", "qu%ke"])"), "111");
  EXPECT_EQ(Over("x SIMILAR TO 'qu%'", arrow::utf8(), R"(["quake", "qu%ke"])"), "01");
}

TEST(Difference, BackslashEscapesInLike) {
  const std::string words = R"(["a_b", "axb", "a\\b", null])";
  EXPECT_EQ(Over("x LIKE 'a\\_b'", arrow::utf8(), words), "1000");
  EXPECT_EQ(Over("x LIKE 'a_b'", arrow::utf8(), words), "1110");
  EXPECT_EQ(Over("x LIKE 'a\\\\b'", arrow::utf8(), words), "0010");
  EXPECT_EQ(Over("x ILIKE 'A\\_B'", arrow::utf8(), words), "1000");
  EXPECT_EQ(Over("x LIKE 'a!_b' ESCAPE '!'", arrow::utf8(), words), "1000");
  EXPECT_EQ(Over("x LIKE 'a\\b' ESCAPE ''", arrow::utf8(), words), "0010");
  EXPECT_EQ(Over("x NOT LIKE 'a\\_b'", arrow::utf8(), words), "0110");
  EXPECT_EQ(Over("'a_b' LIKE x", arrow::utf8(), R"(["a\\_b", "a_b", "a\\xb"])"), "110");
}

TEST(Difference, CaretIsExclusiveOr) {
  EXPECT_EQ(Over("x ^ 3 = 6", arrow::int64(), "[5, 216]"), "10");
  EXPECT_EQ(Over("x ^ 1 & 3 = 5", arrow::int64(), "[4, 5]"), "10");  // x ^ (1 & 3)
}

TEST(Difference, BitOperatorsBindBySort) {
  EXPECT_EQ(Over("x | 4 & 6 = 5", arrow::int64(), "[1, 2]"), "10");   // x | (4 & 6)
  EXPECT_EQ(Over("x << 1 | 1 = 5", arrow::int64(), "[2, 1]"), "10");  // (x << 1) | 1
}

TEST(Difference, AnIntegerCountsAsBigint) {
  EXPECT_EQ(Over("x + 1 > 127", arrow::int8(), "[127, 126]"), "10");
  EXPECT_EQ(Over("x * 1000 = 200000", arrow::uint8(), "[200, 1]"), "10");
  EXPECT_EQ(Over("x = 300", arrow::int8(), "[44, 127]"), "00");
  EXPECT_EQ(Over("x > -1", arrow::uint64(), "[0, 18446744073709551615]"), "11");
  EXPECT_EQ(Over("-x < 0", arrow::uint64(), "[0, 18446744073709551615]"), "01");
}

TEST(Difference, AFractionIsADouble) {
  EXPECT_EQ(Over("x = 0.1", arrow::float32(), "[0.1, 0.5]"), "00");  // 0.1 as a float is another number
  EXPECT_EQ(Over("x = 0.5", arrow::float32(), "[0.1, 0.5]"), "01");
  EXPECT_EQ(Over("x + 0.2 = 0.3", arrow::float64(), "[0.1]"), "0");
  EXPECT_EQ(Over("x * 1.5 = 4.5", arrow::int64(), "[3, 4]"), "10");
  EXPECT_EQ(Over("x > 5.5", arrow::int64(), "[5, 6]"), "01");
}

TEST(Difference, AFractionBesideADecimalIsExact) {
  EXPECT_EQ(Over("x = 0.1", arrow::decimal128(10, 2), R"(["0.10", "0.11"])"), "10");
  EXPECT_EQ(Over("x + 0.2 = 0.3", arrow::decimal128(10, 2), R"(["0.10", "0.11"])"), "10");
  EXPECT_EQ(Over("x > 0.105", arrow::decimal128(10, 2), R"(["0.10", "0.11"])"), "01");
  EXPECT_EQ(Over("x = CAST(0.3 AS DECIMAL(3, 1))", arrow::decimal128(10, 2), R"(["0.30"])"), "1");
}

TEST(Difference, TextAgainstANumberIsComparedAsText) {
  EXPECT_EQ(Over("x = 5", arrow::utf8(), R"(["5", "5.0", "five"])"), "100");
  EXPECT_EQ(Over("x = 5.0", arrow::utf8(), R"(["5", "5.0", "five"])"), "010");
  EXPECT_EQ(Over("x < 5", arrow::utf8(), R"(["10", "6"])"), "10");
  EXPECT_EQ(Over("x IN (5, 7)", arrow::utf8(), R"(["5", "six"])"), "10");
  EXPECT_EQ(Over("x BETWEEN 1 AND 5", arrow::utf8(), R"(["10", "6"])"), "10");
  const auto both = Batch({{"t", arrow::utf8(), R"(["5", "x"])"}, {"n", arrow::int64(), "[5, 5]"}});
  EXPECT_EQ(Matches("t = n", both), "10");
}

TEST(Difference, CastsToIntegersCutOff) {
  EXPECT_EQ(Over("CAST(x AS INT) = 5", arrow::float64(), "[5.7, 5.2, 6.0]"), "110");
  EXPECT_EQ(Over("CAST(x AS BIGINT) = -5", arrow::float32(), "[-5.5, -5.0]"), "11");
  EXPECT_EQ(Over("CAST(x AS INT) = 5", arrow::decimal128(5, 2), R"(["5.99", "6.00"])"), "10");
  EXPECT_EQ(Over("CAST(x AS TINYINT) = 5", arrow::float64(), "[5, 300]"), "1E");
  EXPECT_EQ(Over("TRY_CAST(x AS TINYINT) IS NULL", arrow::float64(), "[5, 300]"), "01");
}

TEST(Difference, AnOffsetInATimestampCounts) {
  const std::string instants = R"(["2019-12-31 22:00:00", "2020-01-01 00:00:00"])";
  for (const auto unit :
       {arrow::TimeUnit::SECOND, arrow::TimeUnit::MILLI, arrow::TimeUnit::MICRO, arrow::TimeUnit::NANO}) {
    for (const std::string zone : {"", "UTC", "Europe/Berlin"}) {
      const auto type = arrow::timestamp(unit, zone);
      EXPECT_EQ(Over("x = '2020-01-01T00:00:00+02:00'", type, instants), "10") << type->ToString();
      EXPECT_EQ(Over("x = '2020-01-01T00:00:00Z'", type, instants), "01") << type->ToString();
      EXPECT_EQ(Over("x = TIMESTAMP '2020-01-01T00:00:00+02:00'", type, instants), "10") << type->ToString();
    }
  }
  EXPECT_EQ(
      Over("CAST(x AS TIMESTAMP) = '2019-12-31 22:00:00'", arrow::utf8(), R"(["2020-01-01T00:00:00+02:00"])"),
      "1");
}

TEST(Difference, AFinerLiteralIsNotCutOff) {
  const std::string seconds = R"(["2020-01-01 00:00:00", "2020-01-01 00:00:01"])";
  EXPECT_EQ(Over("x > '2020-01-01 00:00:00.5'", arrow::timestamp(arrow::TimeUnit::SECOND), seconds), "01");
  EXPECT_EQ(Over("x = '2020-01-01 00:00:00.5'", arrow::timestamp(arrow::TimeUnit::SECOND), seconds), "00");
  EXPECT_EQ(Over("x > 0.5", arrow::int64(), "[0, 1]"), "01");
  EXPECT_EQ(Over("x = '0.5'", arrow::int64(), "[0, 1]"), "00");  // nor rounded to 1
}

TEST(Difference, TextIsBytesBesideBytes) {
  EXPECT_EQ(Over(R"(x = '\x41')", arrow::binary(), R"(["A", "\\x41"])"), "01");
  EXPECT_EQ(Over("x = X'41'", arrow::binary(), R"(["A", "\\x41"])"), "10");
  EXPECT_EQ(Over("x = 'ä'", arrow::binary(), R"(["ä", "a"])"), "10");
}

TEST(Difference, OnlyBooleansAreTrueOrFalse) {
  for (const std::string sql :
       {"x", "x AND TRUE", "NOT x", "x OR FALSE", "x IS TRUE", "x = TRUE", "'true'", "1"}) {
    EXPECT_THAT(Over(sql, arrow::int64(), "[1]"), HasSubstr("the predicate cannot be compiled")) << sql;
  }
}

TEST(Difference, TypeNames) {
  EXPECT_EQ(Over("CAST(x AS FLOAT) = x", arrow::float64(), "[0.1, 0.5]"), "01");                  // 32 bits
  EXPECT_EQ(Over("CAST(x AS INT8) = 300", arrow::utf8(), R"(["300"])"), "1");                     // 8 bytes
  EXPECT_EQ(Over("CAST(x AS DECIMAL) = 0.123456789", arrow::utf8(), R"(["0.123456789"])"), "1");  // (38, 10)
  EXPECT_EQ(
      Over("CAST(x AS BIGINT UNSIGNED) = 18446744073709551615", arrow::utf8(), R"(["18446744073709551615"])"),
      "1");
}

// --- The table "As SQL has it"

TEST(Choice, OverflowIsAnError) {
  EXPECT_EQ(Over("x + 1 > 0", arrow::int64(), "[1, 9223372036854775807]"), "1E");
  EXPECT_EQ(Over("x * x > 0", arrow::int32(), "[3, 2147483647]"), "1E");
  EXPECT_EQ(Over("-x < 0", arrow::int64(), "[1, -9223372036854775808]"), "1E");
  EXPECT_EQ(Over("x << 1 = 2", arrow::int64(), "[1, 9223372036854775807, -1]"), "1EE");
}

TEST(Choice, ZerosAreEqual) {
  EXPECT_EQ(Over("x = 0", arrow::float64(), "[0.0, -0.0]"), "11");
  EXPECT_EQ(Over("x < 0", arrow::float64(), "[0.0, -0.0]"), "00");
  EXPECT_EQ(Over("x IN (0.0, 9)", arrow::float64(), "[0.0, -0.0]"), "11");
}

TEST(Choice, NanIsEqualToItselfAndAboveAll) {
  const std::string numbers = "[NaN, Inf, 1, null]";
  EXPECT_EQ(Over("x = 'NaN'", arrow::float64(), numbers), "1000");
  EXPECT_EQ(Over("x > 'Infinity'", arrow::float64(), numbers), "1000");
  EXPECT_EQ(Over("x = x", arrow::float64(), numbers), "1110");
  EXPECT_EQ(Over("x IN ('NaN', 1)", arrow::float64(), numbers), "1010");
  EXPECT_EQ(Over("x > 0", arrow::float32(), numbers), "1110");
}

TEST(Choice, TextBesideANumericColumnIsANumber) {
  EXPECT_EQ(Over("x = '7'", arrow::int64(), "[7, 70]"), "10");
  EXPECT_EQ(Over("x < '10'", arrow::int64(), "[7, 70]"), "10");
  EXPECT_THAT(Over("x = 'seven'", arrow::int64(), "[7]"), HasSubstr("'seven' is not a BIGINT (at byte 4)"));
}

TEST(Choice, ATimeWithoutAZoneIsUtc) {
  ASSERT_EQ(kZoneIsSet, 0);
  const auto type = arrow::timestamp(arrow::TimeUnit::MICRO, "Europe/Berlin");
  EXPECT_EQ(Over("x = '2020-06-01 00:00:00'", type, R"(["2020-06-01 00:00:00"])"), "1");
  const auto both = Batch({{"zoned", type, R"(["2020-06-01 00:00:00"])"},
                           {"plain", arrow::timestamp(arrow::TimeUnit::SECOND), R"(["2020-06-01 00:00:00"])"},
                           {"day", arrow::date32(), "[18414]"}});
  EXPECT_EQ(Matches("zoned = plain AND zoned = day AND plain = day", both), "1");
  EXPECT_EQ(Matches("CAST(zoned AS VARCHAR) LIKE '2020-06-01 00:00:00%'", both), "1");
}

TEST(Choice, NanosecondsReachTo2262) {
  const auto type = arrow::timestamp(arrow::TimeUnit::NANO);
  EXPECT_THAT(Over("x < '9999-12-31'", type, "[0]"), HasSubstr("'9999-12-31' is not a TIMESTAMP_NS"));
  EXPECT_EQ(Over("x < '2262-01-01'", type, "[0]"), "1");
}

TEST(Choice, AGuardIsEvaluatedFirst) {
  const auto batch = Batch({{"n", arrow::int64(), "[8, 8, 8]"}, {"d", arrow::int64(), "[2, 0, 4]"}});
  const auto predicate = Predicate::Compile("d <> 0 AND n / d = 4", batch->schema());
  ASSERT_TRUE(predicate);
  for (int i = 0; i < 1000; ++i) {  // long enough for an executor that reorders by what it measures
    const auto result = predicate->Filter(batch);
    ASSERT_TRUE(result) << result.error().ToString();
    ASSERT_EQ((*result)->num_rows(), 1);
  }
  EXPECT_EQ(Matches("d = 0 OR n / d = 4", batch), "110");
}

TEST(Choice, CaseOfNames) {
  const auto batch = Batch({{"Kind", arrow::utf8(), R"(["X"])"}});
  for (const std::string name : {"Kind", "kind", "KIND", "\"Kind\"", "\"kind\""})
    EXPECT_EQ(Matches(name + " = 'X'", batch), "1");
}

TEST(Choice, LengthIsInCharactersAndCaseIsSimple) {
  EXPECT_EQ(Over("length(x) = 1", arrow::utf8(), R"(["ß", "日", "ab"])"), "110");
  EXPECT_EQ(Over("upper(x) = 'ÄÖ'", arrow::utf8(), R"(["äö", "ao"])"), "10");
  EXPECT_EQ(Over("lower(x) = 'äö'", arrow::utf8(), R"(["ÄÖ", "AO"])"), "10");
}

TEST(Choice, InstantsAndIntervals) {
  const auto batch = Batch(
      {{"a", arrow::timestamp(arrow::TimeUnit::MICRO), R"(["2020-01-02 00:00:00", "2020-01-01 01:00:00"])"},
       {"b", arrow::timestamp(arrow::TimeUnit::MICRO), R"(["2020-01-01 00:00:00", "2020-01-01 00:00:00"])"}});
  EXPECT_EQ(Matches("a - b > INTERVAL '2 hours'", batch), "10");
  EXPECT_EQ(Matches("a >= b + INTERVAL '1' DAY", batch), "10");
  EXPECT_EQ(Matches("a > TIMESTAMP '2020-01-03' - INTERVAL '36' HOURS", batch), "10");
  EXPECT_EQ(Matches("CAST(a AS DATE) = '2020-01-02'", batch), "10");
  EXPECT_EQ(Matches("CAST(a AS TIME) = '01:00'", batch), "01");
}

TEST(Choice, LimitsOfCasts) {
  EXPECT_EQ(Over("CAST(x AS BIGINT) = 7", arrow::utf8(), R"(["7", "seven", "", null])"), "1EE0");
  EXPECT_EQ(Over("TRY_CAST(x AS BIGINT) = 7", arrow::utf8(), R"(["7", "seven", "", null])"), "1000");
  EXPECT_EQ(Over("CAST(x AS BYTEA) = X'c3a4'", arrow::utf8(), R"(["ä", "a"])"), "10");
  EXPECT_EQ(Over("CAST(x AS TEXT) = 'ä'", arrow::binary(), R"(["ä", "a"])"), "10");
  EXPECT_EQ(Over("CAST(x AS VARCHAR) = 'true'", arrow::boolean(), "[true, false]"), "10");
  EXPECT_EQ(Over("CAST(x AS BOOLEAN)", arrow::int64(), "[0, 1, 2]"), "011");
}

}  // namespace
}  // namespace jammi::predicate
