// Rows as values, whatever database they are from, and what tells whether two tables hold the same.
#pragma once

#include <cstdint>
#include <vector>

#include "catalog/admin/database.h"

namespace jammi::admin {

// The row's values in the table's order; they borrow from the row. Errors: kDataLoss with
// BackendDetail(kTypeConversion, column): a value that is not of its column's type.
[[nodiscard]] Result<void> ReadValues(const Table& table, const Row& row, std::vector<SqlValue>& values);

// Reads the whole table in the order of its key.
[[nodiscard]] Result<CopiedTable> Digest(Database& database, const Table& table);

}  // namespace jammi::admin
