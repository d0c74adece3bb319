// The tables that hold the rows of mutable tables: no migration knows them, so they are described by the
// database that has them.
#pragma once

#include <string>
#include <vector>

#include "catalog/admin/database.h"

namespace jammi::admin {

struct StorageIndex {
  std::string name;
  std::vector<std::string> columns;
  bool unique = false;
};

struct StorageTable {
  Table table;
  std::vector<std::string> not_null;  // columns
  std::vector<StorageIndex> indexes;  // but the primary key's
};

// One for each row of mutable_tables, by its number.
// Errors: kDataLoss: the database does not have it, or it is none of ours.
[[nodiscard]] Result<std::vector<StorageTable>> ReadStorageTables(Database& database);

// What makes the table, empty, and its indexes.
[[nodiscard]] std::vector<std::string> CreateTexts(const StorageTable& storage, BackendKind kind);

}  // namespace jammi::admin
