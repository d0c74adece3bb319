// What changes rows of tables, as parts of a transaction.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>

#include "jammi/table_filter.h"
#include "tables/row_batch.h"
#include "tables/table.h"

namespace jammi {

// The statements. Errors: those of the filter.
[[nodiscard]] Result<SqlText> DeleteText(const Table& table, BackendKind kind, const Scope& scope,
                                         const TableFilter& filter);
[[nodiscard]] Result<SqlText> UpdateText(BackendKind kind, const Scope& scope, const TableFilter& filter,
                                         RowBatch& values);

// Rows of `scope` that match. Both return how many. Errors: those of the filter, and of RowBatch.
[[nodiscard]] Result<int64_t> DeleteWhere(Transaction& tx, BackendKind kind, const Table& table,
                                          const Scope& scope, const TableFilter& filter);
// `values`: a kAssign.
[[nodiscard]] Result<int64_t> UpdateWhere(Transaction& tx, BackendKind kind, const Scope& scope,
                                          const TableFilter& filter, RowBatch& values);

}  // namespace jammi
