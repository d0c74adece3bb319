// The rows of record batches, on their way into a table.
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "jammi/tables.h"
#include "tables/table.h"

namespace jammi {

// Used by one thread. Checked once; written as often as the transaction's body is run.
class RowBatch {
 public:
  // Checks all of it: columns, arrays, nulls, text, sizes. The batches must outlive it.
  // Errors: kInvalidArgument as Tables::Append().
  [[nodiscard]] static Result<RowBatch> Make(std::shared_ptr<const Table> table, Tables::Batches batches);

  [[nodiscard]] const Table& table() const { return *table_; }
  [[nodiscard]] int64_t rows() const { return rows_; }

  // Inserts all rows as `scope`'s. Returns as Transaction::InsertRows(). Errors: kAlreadyExists with
  // TableDetail(kDuplicateKey); the database's.
  [[nodiscard]] Result<int64_t> Insert(Transaction& tx, const Scope& scope, OnConflict on_conflict);

 private:
  struct Part {
    int64_t rows = 0;
    std::vector<std::unique_ptr<CellWriter>> columns;
  };
  explicit RowBatch(std::shared_ptr<const Table> table) : table_(std::move(table)) {}
  [[nodiscard]] Result<void> Add(const arrow::RecordBatch& batch);
  [[nodiscard]] Result<void> CheckNulls(const arrow::RecordBatch& batch) const;
  [[nodiscard]] Result<void> CheckSizes(const Part& part, std::string_view of,
                                        const std::vector<int>& places) const;

  std::shared_ptr<const Table> table_;
  std::vector<Part> parts_;
  int64_t rows_ = 0;
};

}  // namespace jammi
