// The rows of a Parquet file, made batches of a given schema. It stands here and not in src/rows because of
// the library: no other program loads it.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>

#include "jammi/result.h"

namespace jammi {

// Holds a row group's columns piece by piece, and a batch. Used by one thread.
class ParquetReader {
 public:
  // `descriptor`: of the file; the caller's to close. `rows_per_batch`: so many rows
  // become a batch; the last one of each row group may be smaller. REQUIRES: at least 1. Errors:
  // kInvalidArgument: what has no end yet (a pipe), no Parquet file, one that is cut off or encrypted,
  // columns that do not fit the schema.
  [[nodiscard]] static Result<std::unique_ptr<ParquetReader>> Open(int descriptor,
                                                                   std::shared_ptr<arrow::Schema> schema,
                                                                   int64_t rows_per_batch);
  ~ParquetReader();

  // nullptr: there are no more. Errors: kInvalidArgument, with the row group: damaged data, a value that does
  // not fit.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Next();
  [[nodiscard]] int64_t total_rows() const;

 private:
  struct State;
  explicit ParquetReader(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace jammi
