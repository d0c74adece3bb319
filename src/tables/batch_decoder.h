// Makes record batches of rows.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "tables/table.h"

namespace jammi {

// Used by one thread.
class BatchDecoder {
 public:
  // Of rows whose first columns are those at `places` of the table's schema.
  // Errors: kResourceExhausted.
  [[nodiscard]] static Result<BatchDecoder> Make(const Table& table, std::span<const size_t> places);

  // Errors: kDataLoss; kResourceExhausted.
  [[nodiscard]] Result<void> Append(const Row& row);
  // Since the last Finish(): the rows, and the bytes of their numbers, text and bytes.
  [[nodiscard]] int64_t rows() const { return rows_; }
  [[nodiscard]] int64_t bytes() const { return bytes_; }
  // What was appended since the last call, without the table's metadata.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Finish();

 private:
  struct Column {
    std::unique_ptr<ColumnDecoder> decoder;
    bool variable = false;
  };
  std::shared_ptr<arrow::Schema> schema_;
  std::vector<Column> columns_;
  int64_t rows_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace jammi
