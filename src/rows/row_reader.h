// Rows from bytes as they come: JSON lines, CSV or Arrow IPC, made batches of a given schema.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/result.h"

namespace jammi {

enum class RowFormat : uint8_t {
  kJson,   // a line, an object, a row; empty lines are left out
  kCsv,    // RFC 4180; the first line names the columns; an empty field without quotes is null
  kArrow,  // an IPC stream, or the whole of an IPC file
};

// Used by one thread. After an error nothing more comes of it.
class RowReader {
 public:
  // `rows_per_batch`: so many rows become a batch, the last one may be smaller; 0: one row, or for Arrow the
  // batches as they are (which are never put together, only cut). Errors: kUnimplemented: a column that
  // cannot be read from text.
  [[nodiscard]] static Result<std::unique_ptr<RowReader>> Make(RowFormat format,
                                                               std::shared_ptr<arrow::Schema> schema,
                                                               int64_t rows_per_batch);
  virtual ~RowReader() = default;

  // The next bytes of the input; they may end anywhere. Errors: kInvalidArgument, with the line or the batch
  // where it is.
  [[nodiscard]] virtual Result<void> Feed(std::string_view bytes) = 0;
  // There are no more. Errors: as Feed().
  [[nodiscard]] virtual Result<void> End() = 0;
  // The batches that have become complete since the last call; none is empty.
  [[nodiscard]] std::vector<std::shared_ptr<arrow::RecordBatch>> Take() { return std::exchange(ready_, {}); }

 protected:
  std::vector<std::shared_ptr<arrow::RecordBatch>> ready_;
};

}  // namespace jammi
