// Rows onto a stream: JSON lines, CSV or an Arrow IPC stream, each as row_reader.h reads it.
#pragma once

#include <arrow/type_fwd.h>

#include <iosfwd>
#include <memory>
#include <string>

#include "jammi/result.h"
#include "rows/row_reader.h"

namespace jammi {

// The value in the array's place `i` as a table shows it: the texts of AppendValueJson() without their
// quotes, and nothing for null. REQUIRES: the array is valid, and has the place.
[[nodiscard]] std::string CellText(const arrow::Array& array, int64_t i);

// Used by one thread. Whether the stream took all is to be asked of the stream.
class RowWriter {
 public:
  // `out` outlives it.
  [[nodiscard]] static Result<std::unique_ptr<RowWriter>> Make(RowFormat format, std::ostream& out,
                                                               const std::shared_ptr<arrow::Schema>& schema);
  virtual ~RowWriter() = default;
  // REQUIRES: the batch is valid and of the schema. Errors: kInvalidArgument: IPC cannot carry it.
  [[nodiscard]] virtual Result<void> Write(const arrow::RecordBatch& batch) = 0;
  [[nodiscard]] virtual Result<void> End() = 0;
};

}  // namespace jammi
