// A table as it is stored: a storage table whose names are made of numbers, never of what a user wrote.
//
//   mt_7 (s, c0, c1, ...)      s: the scope that a row belongs to, '' = global; c0: the first column, ...
//   primary key (s, key columns); on SQLite without a rowid, so that rows lie in the order of the key
//   mt_7_i0, mt_7_i1, ...      the indexes of the definition, each led by s
//   mt_7_o                     (s, order column, key columns), unless the key begins with the order column
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/tables.h"
#include "tables/column_codec.h"

namespace jammi {

// Immutable, thread-safe.
class Table {
 public:
  static constexpr std::string_view kScopeColumn = "s";

  // `record.definition` went through PrepareDefinition(). Errors: kDataLoss: it cannot have.
  [[nodiscard]] static Result<std::shared_ptr<const Table>> Make(TableRecord record);

  [[nodiscard]] const TableRecord& record() const { return record_; }
  [[nodiscard]] const std::string& id() const { return record_.definition.id; }
  [[nodiscard]] const std::shared_ptr<arrow::Schema>& schema() const { return record_.definition.schema; }

  [[nodiscard]] const std::string& storage() const { return storage_; }  // "mt_7"
  // "c3", of the column at that place of the schema.
  [[nodiscard]] const std::string& column(size_t place) const { return columns_[place]; }
  [[nodiscard]] const ColumnCodec& codec(size_t place) const { return codecs_[place]; }
  [[nodiscard]] size_t columns() const { return columns_.size(); }
  // Places in the schema: of the key's columns, in the key's order; of the order column, -1: none.
  [[nodiscard]] const std::vector<int>& key() const { return key_; }
  [[nodiscard]] int order() const { return order_; }
  [[nodiscard]] bool IsKey(size_t place) const;
  // Of each index's columns.
  [[nodiscard]] const std::vector<std::vector<int>>& indexes() const { return indexes_; }
  // May the column be null? Keys and order column may not, whatever the schema says.
  [[nodiscard]] bool nullable(size_t place) const;

  // What makes the storage table and its indexes, in order, and what drops them.
  [[nodiscard]] std::vector<std::string> CreateTexts(BackendKind kind) const;
  [[nodiscard]] std::string DropText() const;

 private:
  explicit Table(TableRecord record) : record_(std::move(record)) {}
  // "(s, c0, c2)"
  [[nodiscard]] std::string WithScope(const std::vector<int>& places) const;

  TableRecord record_;
  std::string storage_;
  std::vector<std::string> columns_;
  std::vector<ColumnCodec> codecs_;
  std::vector<int> key_;
  std::vector<std::vector<int>> indexes_;
  int order_ = -1;
};

}  // namespace jammi
