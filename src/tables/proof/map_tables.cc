#include "tables/proof/map_tables.h"

#include <algorithm>

namespace jammi::proof {

size_t MapTable::PlaceOf(const std::string& column) const {
  return static_cast<size_t>(definition_.schema->GetFieldIndex(column));
}

bool MapTable::Collide(const Row& a, const Row& b) const {
  if (a.owner != b.owner) return false;
  const auto equal = [&](const std::vector<std::string>& columns) {
    return std::ranges::all_of(columns, [&](const std::string& column) {
      const arrow::Scalar& x = *a.cells[PlaceOf(column)];
      const arrow::Scalar& y = *b.cells[PlaceOf(column)];
      return x.is_valid && y.is_valid && Order(x, y, /*zeros_differ=*/true) == 0;
    });
  };
  if (equal(definition_.primary_key)) return true;
  return std::ranges::any_of(definition_.indexes,
                             [&](const TableIndex& index) { return index.unique && equal(index.columns); });
}

bool MapTable::Append(const Scope& owner, const std::vector<arrow::ScalarVector>& rows) {
  std::vector<Row> all = rows_;
  for (const auto& cells : rows) {
    const Row row{owner, cells};
    if (std::ranges::any_of(all, [&](const Row& other) { return Collide(row, other); })) return false;
    all.push_back(row);
  }
  rows_ = std::move(all);
  return true;
}

std::vector<MapTable::Row> MapTable::Scan(const Scope& reader, const TableScan& scan) const {
  std::vector<Row> seen;
  for (const Row& row : rows_) {
    const auto cell = [&](const std::string& column) { return row.cells[PlaceOf(column)]; };
    if (reader.Sees(row.owner) && Evaluate(scan.filter, cell) == true) seen.push_back(row);
  }
  std::vector<std::string> by = definition_.primary_key;
  const bool order_column =
      scan.order == TableOrder::kOrderColumn || scan.order == TableOrder::kOrderColumnDescending;
  if (order_column) by.insert(by.begin(), *definition_.order_column);
  const bool descending =
      scan.order == TableOrder::kKeyDescending || scan.order == TableOrder::kOrderColumnDescending;
  const auto before = [&](const Row& a, const Row& b) {
    for (const std::string& column : by) {
      const int order = Order(*a.cells[PlaceOf(column)], *b.cells[PlaceOf(column)], /*zeros_differ=*/true);
      if (order != 0) return order < 0;
    }
    return a.owner.is_global() < b.owner.is_global();
  };
  std::ranges::sort(seen,
                    [&](const Row& a, const Row& b) { return descending ? before(b, a) : before(a, b); });
  return seen;
}

std::optional<MapTable::Row> MapTable::Get(const Scope& reader, const arrow::ScalarVector& key) const {
  std::optional<Row> found;
  for (const Row& row : rows_) {
    bool equal = reader.Sees(row.owner);
    for (size_t i = 0; equal && i < key.size(); ++i)
      equal = Order(*row.cells[PlaceOf(definition_.primary_key[i])], *key[i], /*zeros_differ=*/true) == 0;
    if (equal && (!found || found->owner.is_global())) found = row;
  }
  return found;
}

}  // namespace jammi::proof
