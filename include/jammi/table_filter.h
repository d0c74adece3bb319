// Which rows of a mutable table: comparisons of columns with values, joined by AND, OR and NOT.
//
//   auto filter = TableFilter::AtLeast("magnitude", 5.0) && !TableFilter::StartsWith("place", "test/");
//
// The database evaluates it, and every database alike: as in SQL a comparison with a null is unknown, NOT
// unknown is unknown, and only rows for which the whole is true are taken. Text and bytes are compared by
// their bytes, false is less than true, times by their ticks whatever the zone, numbers by their values; NaN
// equals NaN and is greater than all other numbers, and -0.0 equals 0.0.
#pragma once

#include <arrow/type_fwd.h>

#include <concepts>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace jammi {

// What a column is compared with. An integer fits a column of integers or floats, and a double one of floats,
// if that can hold exactly this value; text fits columns of text and of bytes. For all other types, and
// wherever one likes to, an Arrow scalar of the column's own type.
class FilterValue {
 public:
  FilterValue(bool value) : value_(value) {}
  template <std::signed_integral T>
  FilterValue(T value) : value_(static_cast<int64_t>(value)) {}
  template <std::unsigned_integral T>
  FilterValue(T value) : value_(static_cast<uint64_t>(value)) {}
  FilterValue(double value) : value_(value) {}
  FilterValue(std::string value) : value_(std::move(value)) {}
  FilterValue(std::string_view value) : value_(std::string(value)) {}
  FilterValue(const char* value) : value_(std::string(value)) {}
  FilterValue(std::shared_ptr<arrow::Scalar> value) : value_(std::move(value)) {}

  using Variant = std::variant<bool, int64_t, uint64_t, double, std::string, std::shared_ptr<arrow::Scalar>>;
  [[nodiscard]] const Variant& get() const { return value_; }

 private:
  Variant value_;
};

// Immutable, cheap to copy, thread-safe. It is checked where it is used, against the columns of a table.
// Errors there: kInvalidArgument with TableDetail, naming the column: kSchema: the table has none of that
// name; kInvalidValue: the value is null, or does not fit the column; kInvalidArgument with
// UnsupportedSchemaTypeDetail: columns of this type are not compared so (see docs/tables.md);
// kInvalidArgument: more than kMaxParts parts, more than kMaxValues values, or nested more than kMaxDepth
// deep.
class TableFilter {
 public:
  static constexpr size_t kMaxParts = 1000;
  static constexpr size_t kMaxValues = 10'000;
  static constexpr size_t kMaxDepth = 50;

  // All rows.
  TableFilter() = default;

  static TableFilter Equal(std::string column, FilterValue value);
  static TableFilter NotEqual(std::string column, FilterValue value);
  static TableFilter Less(std::string column, FilterValue value);
  static TableFilter AtMost(std::string column, FilterValue value);
  static TableFilter Greater(std::string column, FilterValue value);
  static TableFilter AtLeast(std::string column, FilterValue value);
  // Equal to one of the values; of no values: false.
  static TableFilter In(std::string column, std::vector<FilterValue> values);
  static TableFilter IsNull(std::string column);
  static TableFilter IsNotNull(std::string column);
  // Of columns of text and of bytes.
  static TableFilter StartsWith(std::string column, std::string prefix);
  // All of them; of none: true. And one at least; of none: false.
  static TableFilter And(std::vector<TableFilter> parts);
  static TableFilter Or(std::vector<TableFilter> parts);
  friend TableFilter operator&&(TableFilter a, TableFilter b) { return And({std::move(a), std::move(b)}); }
  friend TableFilter operator||(TableFilter a, TableFilter b) { return Or({std::move(a), std::move(b)}); }
  friend TableFilter operator!(const TableFilter& negated);

  // What it is made of.
  enum class Kind : uint8_t {
    kEqual,
    kNotEqual,
    kLess,
    kAtMost,
    kGreater,
    kAtLeast,
    kIn,
    kIsNull,
    kIsNotNull,
    kStartsWith,
    kAnd,
    kOr,
    kNot,
  };
  struct Node {
    Kind kind = Kind::kAnd;
    std::string column;               // of the kinds before kAnd
    std::vector<FilterValue> values;  // one for a comparison or prefix, any number for kIn
    std::vector<TableFilter> parts;   // of kAnd, kOr and kNot, which has one
  };
  [[nodiscard]] const Node* node() const { return node_.get(); }  // null: all rows

 private:
  explicit TableFilter(Node node) : node_(std::make_shared<const Node>(std::move(node))) {}
  std::shared_ptr<const Node> node_;
};

}  // namespace jammi
