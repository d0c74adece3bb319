// The tables of the catalog, as its migrations make them: what is copied and compared follows from it, so
// that a table of a new migration is never forgotten.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "jammi/result.h"

namespace jammi::admin {

enum class ColumnType : uint8_t { kInt, kReal, kText, kBytes };

struct Column {
  std::string name;
  ColumnType type;
};

struct ForeignKey {
  std::vector<std::string> columns;
  std::string parent;
  std::vector<std::string> parent_columns;
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::string> key;  // of the primary key, in its order
  std::vector<ForeignKey> foreign_keys;
};

// All tables but the ledger, by name; read once from a catalog in memory.
[[nodiscard]] Result<std::span<const Table>> CatalogTables();

// "a, b, c"
[[nodiscard]] std::string List(std::span<const std::string> names);
[[nodiscard]] std::string ColumnList(const Table& table);

}  // namespace jammi::admin
