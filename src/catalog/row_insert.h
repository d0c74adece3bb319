// The statements behind Transaction::InsertRows().
#pragma once

#include <string>

#include "jammi/catalog_backend.h"

namespace jammi {

// "a, b, c": the columns to be inserted.
[[nodiscard]] std::string ColumnNames(const RowInsert& insert);
// " ON CONFLICT ...", with the space; empty for kFail.
[[nodiscard]] std::string ConflictClause(const RowInsert& insert);
// One row, its values as parameters.
[[nodiscard]] std::string InsertOneText(const RowInsert& insert);

}  // namespace jammi
