// Mutable tables in memory: what the databases are compared with.
#pragma once

#include <arrow/api.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "jammi/tables.h"
#include "tables/proof/map_filter.h"

namespace jammi::proof {

class MapTable {
 public:
  struct Row {
    Scope owner = Scope::Global();
    arrow::ScalarVector cells;
  };

  using Cells = std::vector<arrow::ScalarVector>;

  explicit MapTable(TableDefinition definition) : definition_(std::move(definition)) {}

  [[nodiscard]] const TableDefinition& definition() const { return definition_; }
  // False: one of them has a key or unique values that another of the owner has; then nothing was added.
  [[nodiscard]] bool Append(const Scope& owner, const Cells& rows);
  // Below, nullopt: two rows would collide, and nothing was changed; else how many rows were.
  [[nodiscard]] std::optional<int64_t> Upsert(const Scope& owner, const Cells& rows, UpsertMode mode);
  // Rows have cells of `columns`, among which are those of the key.
  [[nodiscard]] std::optional<int64_t> Update(const Scope& owner, const std::vector<std::string>& columns,
                                              const Cells& rows);
  [[nodiscard]] std::optional<int64_t> UpdateWhere(const Scope& owner, const TableFilter& filter,
                                                   const std::vector<std::string>& columns,
                                                   const arrow::ScalarVector& values);
  int64_t Delete(const Scope& owner, const Cells& keys);
  int64_t DeleteWhere(const Scope& owner, const TableFilter& filter);
  // The owner's rows, by key.
  [[nodiscard]] std::vector<Row> Own(const Scope& owner) const;
  // What the reader sees, in the order of the scan, its limit and page token aside.
  [[nodiscard]] std::vector<Row> Scan(const Scope& reader, const TableScan& scan) const;
  // The reader's row, else the global one.
  [[nodiscard]] std::optional<Row> Get(const Scope& reader, const arrow::ScalarVector& key) const;
  [[nodiscard]] size_t PlaceOf(const std::string& column) const;

 private:
  [[nodiscard]] bool Collide(const Row& a, const Row& b) const;
  [[nodiscard]] bool SameKey(const arrow::ScalarVector& a, const arrow::ScalarVector& b) const;
  [[nodiscard]] bool Matches(const Row& row, const TableFilter& filter) const;
  // The owner's row in `rows` with the key of these cells, or null.
  [[nodiscard]] Row* WithKey(std::vector<Row>& rows, const Scope& owner,
                             const arrow::ScalarVector& cells) const;
  // Does any other of `rows` collide with this one?
  [[nodiscard]] bool HasCollision(const std::vector<Row>& rows, const Row& row) const;
  // One row of each key: the first, or the last.
  [[nodiscard]] Cells OneOfEach(const Cells& rows, bool last) const;

  TableDefinition definition_;
  std::vector<Row> rows_;
};

// The tables of all scopes, by owner and id.
class MapTables {
 public:
  using Key = std::pair<std::string, std::string>;
  // False: there is one.
  [[nodiscard]] bool Create(const Scope& owner, const TableDefinition& definition) {
    return tables_.try_emplace({owner.Key(), definition.id}, definition).second;
  }
  [[nodiscard]] bool Drop(const Scope& owner, const std::string& id) {
    return tables_.erase({owner.Key(), id}) > 0;
  }
  // The scope's own, else the global one; null: neither.
  [[nodiscard]] MapTable* Find(const Scope& scope, const std::string& id) {
    auto found = tables_.find({scope.Key(), id});
    if (found == tables_.end()) found = tables_.find({std::string(), id});
    return found == tables_.end() ? nullptr : &found->second;
  }

 private:
  std::map<Key, MapTable> tables_;
};

}  // namespace jammi::proof
