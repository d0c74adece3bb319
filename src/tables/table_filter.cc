#include "jammi/table_filter.h"

namespace jammi {

using Kind = TableFilter::Kind;

#define JAMMI_COMPARISON(name)                                                          \
  TableFilter TableFilter::name(std::string column, FilterValue value) {                \
    return TableFilter(Node{Kind::k##name, std::move(column), {std::move(value)}, {}}); \
  }
JAMMI_COMPARISON(Equal)
JAMMI_COMPARISON(NotEqual)
JAMMI_COMPARISON(Less)
JAMMI_COMPARISON(AtMost)
JAMMI_COMPARISON(Greater)
JAMMI_COMPARISON(AtLeast)
#undef JAMMI_COMPARISON

TableFilter TableFilter::In(std::string column, std::vector<FilterValue> values) {
  return TableFilter(Node{Kind::kIn, std::move(column), std::move(values), {}});
}

TableFilter TableFilter::IsNull(std::string column) {
  return TableFilter(Node{Kind::kIsNull, std::move(column), {}, {}});
}

TableFilter TableFilter::IsNotNull(std::string column) {
  return TableFilter(Node{Kind::kIsNotNull, std::move(column), {}, {}});
}

TableFilter TableFilter::StartsWith(std::string column, std::string prefix) {
  return TableFilter(Node{Kind::kStartsWith, std::move(column), {std::move(prefix)}, {}});
}

TableFilter TableFilter::And(std::vector<TableFilter> parts) {
  return TableFilter(Node{Kind::kAnd, {}, {}, std::move(parts)});
}

TableFilter TableFilter::Or(std::vector<TableFilter> parts) {
  return TableFilter(Node{Kind::kOr, {}, {}, std::move(parts)});
}

TableFilter operator!(const TableFilter& negated) {
  return TableFilter(TableFilter::Node{Kind::kNot, {}, {}, {negated}});
}

}  // namespace jammi
