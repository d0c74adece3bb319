#include "tables/proof/map_filter.h"

#include <algorithm>
#include <string_view>

namespace jammi::proof {
namespace {

using Kind = TableFilter::Kind;

const arrow::Scalar& ScalarOf(const FilterValue& value) { return **std::get_if<ScalarPtr>(&value.get()); }

std::optional<bool> Not(std::optional<bool> value) {
  if (value) return !*value;
  return std::nullopt;
}

// True if one is `decisive`; the opposite if all are the opposite; else unknown.
std::optional<bool> Join(const std::vector<TableFilter>& parts, bool decisive, const CellOf& cell) {
  std::optional<bool> all = !decisive;
  for (const TableFilter& part : parts) {
    const auto one = Evaluate(part, cell);
    if (one == decisive) return decisive;
    if (!one) all = std::nullopt;
  }
  return all;
}

bool Compare(Kind kind, int order) {
  switch (kind) {
    case Kind::kEqual:
      return order == 0;
    case Kind::kNotEqual:
      return order != 0;
    case Kind::kLess:
      return order < 0;
    case Kind::kAtMost:
      return order <= 0;
    case Kind::kGreater:
      return order > 0;
    default:
      return order >= 0;
  }
}

}  // namespace

std::optional<bool> Evaluate(const TableFilter& filter, const CellOf& cell) {
  const TableFilter::Node* node = filter.node();
  if (node == nullptr) return true;
  switch (node->kind) {
    case Kind::kAnd:
      return Join(node->parts, false, cell);
    case Kind::kOr:
      return Join(node->parts, true, cell);
    case Kind::kNot:
      return Not(Evaluate(node->parts.front(), cell));
    default:
      break;
  }
  const ScalarPtr value = cell(node->column);
  if (node->kind == Kind::kIsNull) return !value->is_valid;
  if (node->kind == Kind::kIsNotNull) return value->is_valid;
  if (node->kind == Kind::kIn && node->values.empty()) return false;
  if (!value->is_valid) return std::nullopt;
  if (node->kind == Kind::kStartsWith) {
    const auto& prefix = std::get<std::string>(node->values.front().get());
    return static_cast<const arrow::BaseBinaryScalar&>(*value).view().starts_with(prefix);
  }
  if (node->kind == Kind::kIn) {
    return std::ranges::any_of(node->values,
                               [&](const FilterValue& one) { return Order(*value, ScalarOf(one)) == 0; });
  }
  return Compare(node->kind, Order(*value, ScalarOf(node->values.front())));
}

}  // namespace jammi::proof
