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

bool MapTable::SameKey(const arrow::ScalarVector& a, const arrow::ScalarVector& b) const {
  return std::ranges::all_of(definition_.primary_key, [&](const std::string& column) {
    const size_t place = PlaceOf(column);
    return Order(*a[place], *b[place], /*zeros_differ=*/true) == 0;
  });
}

bool MapTable::Matches(const Row& row, const TableFilter& filter) const {
  return Evaluate(filter, [&](const std::string& column) { return row.cells[PlaceOf(column)]; }) == true;
}

MapTable::Row* MapTable::WithKey(std::vector<Row>& rows, const Scope& owner,
                                 const arrow::ScalarVector& cells) const {
  const auto found = std::ranges::find_if(
      rows, [&](const Row& row) { return row.owner == owner && SameKey(row.cells, cells); });
  return found == rows.end() ? nullptr : &*found;
}

bool MapTable::HasCollision(const std::vector<Row>& rows, const Row& row) const {
  return std::ranges::any_of(rows, [&](const Row& other) { return &other != &row && Collide(row, other); });
}

MapTable::Cells MapTable::OneOfEach(const Cells& rows, bool last) const {
  Cells kept;
  for (auto row = rows.begin(); row != rows.end(); ++row) {
    const auto same = [&](const arrow::ScalarVector& other) { return SameKey(*row, other); };
    const bool repeated =
        last ? std::any_of(row + 1, rows.end(), same) : std::any_of(rows.begin(), row, same);
    if (!repeated) kept.push_back(*row);
  }
  return kept;
}

bool MapTable::Append(const Scope& owner, const Cells& rows) {
  std::vector<Row> all = rows_;
  for (const auto& cells : rows) {
    all.push_back({owner, cells});
    if (HasCollision(all, all.back())) return false;
  }
  rows_ = std::move(all);
  return true;
}

std::optional<int64_t> MapTable::Upsert(const Scope& owner, const Cells& rows, UpsertMode mode) {
  const bool update = mode == UpsertMode::kUpdate;
  std::vector<Row> all = rows_;
  int64_t added = 0;
  for (const auto& cells : OneOfEach(rows, /*last=*/update)) {
    Row* row = WithKey(all, owner, cells);
    if (row != nullptr && !update) continue;
    if (row == nullptr) {
      row = &all.emplace_back(Row{owner, {}});
      ++added;
    }
    row->cells = cells;
    if (HasCollision(all, *row)) return std::nullopt;
  }
  rows_ = std::move(all);
  return update ? std::ssize(rows) : added;
}

std::optional<int64_t> MapTable::Update(const Scope& owner, const std::vector<std::string>& columns,
                                        const Cells& rows) {
  Cells wide;
  for (const auto& row : rows) {
    arrow::ScalarVector& cells = wide.emplace_back(definition_.schema->fields().size());
    for (size_t i = 0; i < columns.size(); ++i) cells[PlaceOf(columns[i])] = row[i];
  }
  std::vector<Row> all = rows_;
  int64_t changed = 0;
  for (const auto& cells : OneOfEach(wide, /*last=*/true)) {
    Row* row = WithKey(all, owner, cells);
    if (row == nullptr) continue;
    for (const auto& column : columns) row->cells[PlaceOf(column)] = cells[PlaceOf(column)];
    if (HasCollision(all, *row)) return std::nullopt;
    ++changed;
  }
  rows_ = std::move(all);
  return changed;
}

std::optional<int64_t> MapTable::UpdateWhere(const Scope& owner, const TableFilter& filter,
                                             const std::vector<std::string>& columns,
                                             const arrow::ScalarVector& values) {
  std::vector<Row> all = rows_;
  int64_t changed = 0;
  for (Row& row : all) {
    if (row.owner != owner || !Matches(row, filter)) continue;
    for (size_t i = 0; i < columns.size(); ++i) row.cells[PlaceOf(columns[i])] = values[i];
    ++changed;
  }
  if (std::ranges::any_of(all, [&](const Row& row) { return HasCollision(all, row); })) return std::nullopt;
  rows_ = std::move(all);
  return changed;
}

int64_t MapTable::Delete(const Scope& owner, const Cells& keys) {
  int64_t deleted = 0;
  for (const auto& key : keys) {
    deleted += static_cast<int64_t>(std::erase_if(rows_, [&](const Row& row) {
      bool equal = row.owner == owner;
      for (size_t i = 0; equal && i < key.size(); ++i)
        equal = Order(*row.cells[PlaceOf(definition_.primary_key[i])], *key[i], /*zeros_differ=*/true) == 0;
      return equal;
    }));
  }
  return deleted;
}

int64_t MapTable::DeleteWhere(const Scope& owner, const TableFilter& filter) {
  return static_cast<int64_t>(
      std::erase_if(rows_, [&](const Row& row) { return row.owner == owner && Matches(row, filter); }));
}

std::vector<MapTable::Row> MapTable::Own(const Scope& owner) const {
  std::vector<Row> own = Scan(owner, {});
  std::erase_if(own, [&](const Row& row) { return row.owner != owner; });
  return own;
}

std::vector<MapTable::Row> MapTable::Scan(const Scope& reader, const TableScan& scan) const {
  std::vector<Row> seen;
  for (const Row& row : rows_) {
    if (reader.Sees(row.owner) && Matches(row, scan.filter)) seen.push_back(row);
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
