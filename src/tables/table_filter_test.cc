// What filters mean, on every database, beside the same filter applied in memory.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tables/proof/map_filter.h"
#include "tables/proof/values.h"
#include "tables/read_fixture.h"

namespace jammi::test {
namespace {

using proof::EdgeValues;
using proof::ScalarPtr;
using proof::TypePtr;
using Kind = TableFilter::Kind;

TableFilter Compare(Kind kind, const std::string& column, const ScalarPtr& value) {
  switch (kind) {
    case Kind::kEqual:
      return TableFilter::Equal(column, value);
    case Kind::kNotEqual:
      return TableFilter::NotEqual(column, value);
    case Kind::kLess:
      return TableFilter::Less(column, value);
    case Kind::kAtMost:
      return TableFilter::AtMost(column, value);
    case Kind::kGreater:
      return TableFilter::Greater(column, value);
    default:
      return TableFilter::AtLeast(column, value);
  }
}

constexpr Kind kComparisons[] = {Kind::kEqual,  Kind::kNotEqual, Kind::kLess,
                                 Kind::kAtMost, Kind::kGreater,  Kind::kAtLeast};

// A column of each type, c0, c1, ..., in which each of its edge values and null is found.
class TableFilterTest : public TableReadTest {
 protected:
  TableFilterTest() {
    types_ = proof::OrderedTypes();
    types_.insert(types_.end(), proof::OtherTypes().begin(), proof::OtherTypes().end());
    arrow::FieldVector fields = {arrow::field("k", arrow::int64(), false)};
    size_t most = 0;
    for (size_t i = 0; i < types_.size(); ++i) {
      fields.push_back(arrow::field(fmt::format("x{}", i), types_[i]));
      most = std::max(most, EdgeValues(types_[i]).size());
    }
    for (size_t row = 0; row <= most; ++row) {
      arrow::ScalarVector cells = {arrow::MakeScalar(static_cast<int64_t>(row))};
      for (const TypePtr& type : types_) {
        const auto values = EdgeValues(type);
        cells.push_back(row < values.size() ? values[row] : arrow::MakeNullScalar(type));
      }
      rows_.push_back(std::move(cells));
    }
    schema_ = arrow::schema(fields);
    Ok(As(kA).Create({.id = "all", .schema = schema_, .primary_key = {"k"}}));
    Append(kA, "all", rows_);
  }

  std::vector<int64_t> Expected(const TableFilter& filter) const {
    std::vector<int64_t> keys;
    for (const auto& row : rows_) {
      const auto cell = [&](const std::string& column) {
        return row[static_cast<size_t>(schema_->GetFieldIndex(column))];
      };
      if (proof::Evaluate(filter, cell) == true)
        keys.push_back(static_cast<const arrow::Int64Scalar&>(*row[0]).value);
    }
    return keys;
  }
  void Check(const TableFilter& filter) {
    EXPECT_EQ(Keys(kA, "all", {.columns = {"k"}, .filter = filter}), Expected(filter));
  }
  Result<int64_t> Count(const TableFilter& filter) { return As(kA).CountRows("all", filter); }
  // The first column of that type.
  std::string ColumnOf(const TypePtr& type) const {
    for (const auto& field : schema_->fields()) {
      if (field->name() != "k" && field->type()->Equals(type)) return field->name();
    }
    return "none";
  }
  void ExpectRefused(const TableFilter& filter, TableFault fault, const std::string& column) {
    const auto counted = Count(filter);
    ASSERT_FALSE(counted);
    EXPECT_EQ(counted.error().code(), ErrorCode::kInvalidArgument) << counted.error().ToString();
    const auto* detail = counted.error().As<TableDetail>();
    ASSERT_NE(detail, nullptr) << counted.error().ToString();
    EXPECT_EQ(detail->fault, fault);
    EXPECT_EQ(detail->column, column);
  }
  void ExpectNotCompared(const TableFilter& filter, const std::string& column, const TypePtr& type) {
    const auto counted = Count(filter);
    ASSERT_FALSE(counted);
    EXPECT_EQ(counted.error().code(), ErrorCode::kInvalidArgument);
    const auto* detail = counted.error().As<UnsupportedSchemaTypeDetail>();
    ASSERT_NE(detail, nullptr) << counted.error().ToString();
    EXPECT_EQ(detail->column, column);
    EXPECT_EQ(detail->data_type, type->ToString());
  }

  std::vector<TypePtr> types_;
  std::shared_ptr<arrow::Schema> schema_;
  Rows rows_;
};

JAMMI_ON_EVERY_DATABASE(TableFilterTest);

TEST_P(TableFilterTest, ComparesEveryTypeAsTheModelDoes) {
  for (size_t i = 0; i < proof::OrderedTypes().size(); ++i) {
    const std::string column = fmt::format("x{}", i);
    SCOPED_TRACE(types_[i]->ToString());
    for (const ScalarPtr& value : EdgeValues(types_[i])) {
      SCOPED_TRACE(value->ToString());
      for (const Kind kind : kComparisons) {
        SCOPED_TRACE(static_cast<int>(kind));
        Check(Compare(kind, column, value));
      }
    }
    Check(TableFilter::IsNull(column));
    Check(TableFilter::IsNotNull(column));
    if (HasFailure()) return;
  }
}

TEST_P(TableFilterTest, NotOfTheUnknownIsUnknown) {
  for (size_t i = 0; i < proof::OrderedTypes().size(); ++i) {
    const std::string column = fmt::format("x{}", i);
    SCOPED_TRACE(types_[i]->ToString());
    const auto values = EdgeValues(types_[i]);
    std::vector<FilterValue> some(values.begin(), values.begin() + 2);
    const auto in = TableFilter::In(column, some);
    Check(in);
    Check(!in);
    Check(!!in);
    Check(!TableFilter::Equal(column, values.front()) || TableFilter::IsNull(column));
    Check(!(TableFilter::Less(column, values.back()) && TableFilter::Equal("x0", arrow::MakeScalar(false))));
    Check(TableFilter::In(column, {}));
    Check(!TableFilter::In(column, {}));
  }
  Check(TableFilter());
  Check(!TableFilter());
  Check(TableFilter::And({}));
  Check(TableFilter::Or({}));
  Check(TableFilter::Or({}) || TableFilter());
}

TEST_P(TableFilterTest, APrefixIsOneOfBytes) {
  for (const TypePtr& type : {arrow::utf8(), arrow::large_utf8(), arrow::utf8_view()}) {
    for (const std::string prefix : {"", "a", "aa", "a%", "Z", "é", "\x7f", "\xED\x9F\xBF", "\xEF\xBF\xBF",
                                     "\xF4\x8F\xBF\xBF", "a\xF4\x8F\xBF\xBF", "%", "b"}) {
      SCOPED_TRACE(prefix);
      Check(TableFilter::StartsWith(ColumnOf(type), prefix));
      Check(!TableFilter::StartsWith(ColumnOf(type), prefix));
    }
  }
  using namespace std::string_literals;
  for (const TypePtr& type : {arrow::binary(), arrow::large_binary(), arrow::binary_view()}) {
    for (const std::string& prefix : {""s, "a"s, "\0"s, "a\0"s, "\xff"s, "\xff\xff"s, "a\xff"s, "\x80"s})
      Check(TableFilter::StartsWith(ColumnOf(type), prefix));
  }
}

TEST_P(TableFilterTest, PlainValuesFitColumnsThatHoldThem) {
  EXPECT_EQ(Ok(Count(TableFilter::Equal("k", 3))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::uint64()), std::numeric_limits<uint64_t>::max()))),
            2);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::int8()), -128))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::float32()), 1.5))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::float16()), std::nan("")))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::float64()), 0))), 2);  // -0.0 and 0.0
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::utf8()), "ab"))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::binary()), std::string("\xff")))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::fixed_size_binary(4)), "abcd"))), 1);
  EXPECT_EQ(Ok(Count(TableFilter::Equal(ColumnOf(arrow::boolean()), true))), 1);
}

TEST_P(TableFilterTest, WhatAColumnCannotHoldIsRefused) {
  const auto refuse = [&](const TypePtr& type, FilterValue value) {
    SCOPED_TRACE(type->ToString());
    ExpectRefused(TableFilter::Less(ColumnOf(type), value), TableFault::kInvalidValue, ColumnOf(type));
    ExpectRefused(TableFilter::In(ColumnOf(type), {value}), TableFault::kInvalidValue, ColumnOf(type));
  };
  refuse(arrow::int8(), 128);
  refuse(arrow::uint64(), -1);
  refuse(arrow::int64(), std::numeric_limits<uint64_t>::max());
  refuse(arrow::int64(), 1.0);
  refuse(arrow::float32(), 0.1);
  refuse(arrow::float32(), (1 << 24) + 1);
  refuse(arrow::float64(), (int64_t{1} << 53) + 1);
  refuse(arrow::boolean(), 1);
  refuse(arrow::utf8(), 1);
  refuse(arrow::utf8(), "\xff");
  refuse(arrow::utf8(), std::string(1, '\0'));
  refuse(arrow::fixed_size_binary(4), "abc");
  refuse(arrow::timestamp(arrow::TimeUnit::MICRO), 5);
  refuse(arrow::int32(), arrow::MakeScalar(int64_t{5}));
  refuse(arrow::int64(), arrow::MakeNullScalar(arrow::int64()));
  refuse(arrow::int64(), ScalarPtr());
  ExpectRefused(TableFilter::IsNull("K"), TableFault::kSchema, "K");
  ExpectRefused(TableFilter::Equal("s", ""), TableFault::kSchema, "s");
}

TEST_P(TableFilterTest, TypesWithoutAnOrderAreAskedForNullOnly) {
  for (const TypePtr& type : proof::OtherTypes()) {
    const std::string column = ColumnOf(type);
    Check(TableFilter::IsNull(column));
    Check(TableFilter::IsNotNull(column));
    ExpectNotCompared(TableFilter::Equal(column, EdgeValues(type).front()), column, type);
    ExpectNotCompared(TableFilter::In(column, {}), column, type);
  }
  for (const TypePtr& type : {arrow::int64(), arrow::fixed_size_binary(4), arrow::decimal128(38, 10)})
    ExpectNotCompared(TableFilter::StartsWith(ColumnOf(type), "1"), ColumnOf(type), type);
}

TEST_P(TableFilterTest, IsAsLargeAsItMayBe) {
  std::vector<FilterValue> values;
  for (size_t i = 0; i < TableFilter::kMaxValues; ++i) values.emplace_back(i + 2);
  EXPECT_EQ(Ok(Count(TableFilter::In("k", values))), static_cast<int64_t>(rows_.size()) - 2);
  values.emplace_back(0);
  EXPECT_EQ(CodeOf(Count(TableFilter::In("k", values))), ErrorCode::kInvalidArgument);

  std::vector<TableFilter> parts;
  for (size_t i = 1; i < TableFilter::kMaxParts; ++i) parts.push_back(TableFilter::Equal("k", i));
  EXPECT_EQ(Ok(Count(TableFilter::Or(parts))), static_cast<int64_t>(rows_.size()) - 1);
  EXPECT_EQ(Ok(Count(TableFilter::And(parts))), 0);
  parts.push_back(TableFilter::Equal("k", 0));
  EXPECT_EQ(CodeOf(Count(TableFilter::Or(parts))), ErrorCode::kInvalidArgument);

  TableFilter deep = TableFilter::Equal("k", 0);
  for (size_t i = 1; i < TableFilter::kMaxDepth; ++i) deep = !deep;
  EXPECT_EQ(Ok(Count(deep)), static_cast<int64_t>(rows_.size()) - 1);
  EXPECT_EQ(CodeOf(Count(!deep)), ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace jammi::test
