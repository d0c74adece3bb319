#include "tables/filter_sql.h"

#include <arrow/type.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <span>
#include <string_view>
#include <vector>

#include "catalog/arguments.h"
#include "tables/filter_value.h"
#include "tables/read_sql.h"

namespace jammi {
namespace {

using Kind = TableFilter::Kind;
using Node = TableFilter::Node;

constexpr std::string_view kTrue = "1 = 1";
constexpr std::string_view kFalse = "1 = 0";

std::string_view OperatorOf(Kind kind) {
  switch (kind) {
    case Kind::kEqual:
      return " = ";
    case Kind::kNotEqual:
      return " <> ";
    case Kind::kLess:
      return " < ";
    case Kind::kAtMost:
      return " <= ";
    case Kind::kGreater:
      return " > ";
    default:
      return " >= ";
  }
}

// What a filter may be made of at most; counted before anything is built.
struct Count {
  size_t parts = 0;
  size_t values = 0;

  [[nodiscard]] Result<void> Add(const TableFilter& filter, size_t depth) {
    const Node* node = filter.node();
    if (node == nullptr) return {};
    if (depth > TableFilter::kMaxDepth) {
      return InvalidArgument("filter", fmt::format("is nested more than {} deep", TableFilter::kMaxDepth));
    }
    values += node->values.size();
    if (++parts > TableFilter::kMaxParts)
      return InvalidArgument("filter", fmt::format("has more than {} parts", TableFilter::kMaxParts));
    if (values > TableFilter::kMaxValues)
      return InvalidArgument("filter", fmt::format("has more than {} values", TableFilter::kMaxValues));
    for (const TableFilter& part : node->parts) JAMMI_TRY(Add(part, depth + 1));
    return {};
  }
};

struct StoredColumn {
  const std::string& name;
  const ColumnCodec& codec;
};

class FilterWriter {
 public:
  FilterWriter(const Table& table, SqlText& sql) : table_(table), sql_(sql) {}

  [[nodiscard]] Result<void> Add(const TableFilter& filter) {
    const Node* node = filter.node();
    if (node == nullptr) {
      sql_ += kTrue;
      return {};
    }
    switch (node->kind) {
      case Kind::kAnd:
        return AddJoined(node->parts, " AND ", kTrue);
      case Kind::kOr:
        return AddJoined(node->parts, " OR ", kFalse);
      case Kind::kNot:
        sql_ += "NOT (";
        JAMMI_TRY(Add(node->parts.front()));
        sql_ += ")";
        return {};
      default:
        return AddColumn(*node);
    }
  }

 private:
  // In brackets that halve it: databases limit how deep an expression may be, and a chain is as deep as long.
  [[nodiscard]] Result<void> AddJoined(std::span<const TableFilter> parts, std::string_view by,
                                       std::string_view none) {
    if (parts.empty()) {
      sql_ += none;
      return {};
    }
    if (parts.size() == 1) return Add(parts.front());
    const size_t half = parts.size() / 2;
    sql_ += "(";
    JAMMI_TRY(AddJoined(parts.first(half), by, none));
    sql_ += by;
    JAMMI_TRY(AddJoined(parts.subspan(half), by, none));
    sql_ += ")";
    return {};
  }

  [[nodiscard]] Result<void> AddColumn(const Node& node) {
    JAMMI_ASSIGN(const size_t place, PlaceOf(table_, node.column));
    const StoredColumn column{table_.column(place), table_.codec(place)};
    if (node.kind == Kind::kIsNull || node.kind == Kind::kIsNotNull) {
      sql_ += column.name;
      sql_ += node.kind == Kind::kIsNull ? " IS NULL" : " IS NOT NULL";
      return {};
    }
    if (!column.codec.ordered()) return NotCompared(column.codec.field(), "be compared");
    if (node.kind == Kind::kIn) return AddIn(column, node.values);
    if (node.kind == Kind::kStartsWith) return AddPrefix(column, node.values.front());
    JAMMI_ASSIGN(const StoredValue value, StoreValue(column.codec, node.values.front()));
    if (IsFloatZero(column.codec, value)) {
      AddZero(column, node.kind);
      return {};
    }
    AddComparison(column, OperatorOf(node.kind), value.View());
    return {};
  }

  void AddComparison(const StoredColumn& column, std::string_view op, const SqlValue& value) {
    sql_ += column.name;
    sql_ += op;
    sql_.AddValue(value);
  }

  // There are two zeros, which are equal.
  void AddZero(const StoredColumn& column, Kind kind) {
    const auto [first, last] = StoredZeros();
    if (kind == Kind::kEqual || kind == Kind::kNotEqual) {
      sql_ += column.name;
      sql_ += kind == Kind::kEqual ? " IN (" : " NOT IN (";
      sql_.AddValue(first);
      sql_ += ", ";
      sql_.AddValue(last);
      sql_ += ")";
      return;
    }
    const bool above_all = kind == Kind::kGreater || kind == Kind::kAtMost;
    AddComparison(column, OperatorOf(kind), above_all ? last : first);
  }

  [[nodiscard]] Result<void> AddIn(const StoredColumn& column, std::span<const FilterValue> values) {
    if (values.empty()) {
      sql_ += kFalse;
      return {};
    }
    sql_ += column.name;
    std::string_view separator = " IN (";
    const auto add = [&](const SqlValue& value) {
      sql_ += separator;
      sql_.AddValue(value);
      separator = ", ";
    };
    for (const FilterValue& one : values) {
      JAMMI_ASSIGN(const StoredValue value, StoreValue(column.codec, one));
      if (IsFloatZero(column.codec, value)) {
        add(StoredZeros().first);
        add(StoredZeros().second);
      } else {
        add(value.View());
      }
    }
    sql_ += ")";
    return {};
  }

  [[nodiscard]] Result<void> AddPrefix(const StoredColumn& column, const FilterValue& begin) {
    const SqlKind kind = column.codec.kind();
    // What is variable and has an order: text and bytes of any length.
    if (!column.codec.variable() || column.codec.field().type()->id() == arrow::Type::FIXED_SIZE_BINARY)
      return NotCompared(column.codec.field(), "begin with anything");
    JAMMI_ASSIGN(const StoredValue prefix, StoreValue(column.codec, begin));
    const auto& text = std::get<std::string>(prefix.value);
    const auto after = AfterPrefix(kind, text);
    sql_ += "(";
    AddComparison(column, " >= ", prefix.View());
    if (after) {
      sql_ += " AND ";
      AddComparison(column, " < ", StoredValue{*after, kind}.View());
    }
    sql_ += ")";
    return {};
  }

  static Error NotCompared(const arrow::Field& field, std::string_view what) {
    const std::string type = field.type()->ToString();
    return Error(ErrorCode::kInvalidArgument,
                 fmt::format("filter: column '{}' is {}, which cannot {}", field.name(), type, what),
                 UnsupportedSchemaTypeDetail{field.name(), type});
  }

  const Table& table_;
  SqlText& sql_;
};

// The columns that a row which is taken has one of the given values in.
void CollectEqual(const TableFilter& filter, std::set<std::string_view>& columns) {
  const Node* node = filter.node();
  if (node == nullptr) return;
  if (node->kind == Kind::kEqual || node->kind == Kind::kIn) columns.insert(node->column);
  if (node->kind != Kind::kAnd) return;
  for (const TableFilter& part : node->parts) CollectEqual(part, columns);
}

}  // namespace

std::optional<size_t> IndexForEquality(const Table& table, const TableFilter& filter) {
  std::set<std::string_view> equal;
  CollectEqual(filter, equal);
  const auto first_columns = [&](const std::vector<int>& places) {
    const auto other = std::ranges::find_if(places, [&](int place) {
      return !equal.contains(table.codec(static_cast<size_t>(place)).field().name());
    });
    return other - places.begin();
  };
  auto most = first_columns(table.key());
  std::optional<size_t> best;
  for (size_t i = 0; i < table.indexes().size(); ++i) {
    const auto columns = first_columns(table.indexes()[i]);
    if (columns <= most) continue;
    most = columns;
    best = i;
  }
  return best;
}

Result<void> AddFilter(const Table& table, const TableFilter& filter, SqlText& sql) {
  Count count;
  JAMMI_TRY(count.Add(filter, 1));
  return FilterWriter(table, sql).Add(filter);
}

}  // namespace jammi
