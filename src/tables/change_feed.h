// The changes of a table as events: what stands in jammi/tables.h about TableDefinition::change_topic.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "jammi/table_filter.h"
#include "tables/row_batch.h"
#include "tables/table.h"

namespace jammi {

// Rows that were changed, as the feed has them.
struct RowChanges {
  int64_t rows = 0;  // changed
  std::vector<std::shared_ptr<arrow::RecordBatch>> events;
};

// Like RowBatch::Apply(), and with what it did. `batches` are those that `rows` was made of.
[[nodiscard]] Result<RowChanges> ApplyWithChanges(Transaction& tx, BackendKind kind, const Scope& scope,
                                                  RowBatch& rows, Tables::Batches batches);
[[nodiscard]] Result<RowChanges> DeleteWithChanges(Transaction& tx, BackendKind kind, const Table& table,
                                                   const Scope& scope, const TableFilter& filter);
[[nodiscard]] Result<RowChanges> UpdateWithChanges(Transaction& tx, BackendKind kind, const Scope& scope,
                                                   const TableFilter& filter, RowBatch& values);

}  // namespace jammi
