// Batches of a given schema, row by row from text.
#pragma once

#include <arrow/type_fwd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/result.h"

namespace jammi {

// Used by one thread. After an error its rows are of no use any more.
class RowBuilder {
 public:
  // Errors: kUnimplemented: a type of a column that is not made from text; its rows come as Arrow data.
  [[nodiscard]] static Result<std::unique_ptr<RowBuilder>> Make(std::shared_ptr<arrow::Schema> schema);
  ~RowBuilder();

  // A row as AppendRowJson() writes it; a member that is not there is null. Errors: kInvalidArgument, which
  // names the column: text that is no object, a member that is no column, a value that does not fit, no value
  // where one must be.
  [[nodiscard]] Result<void> AppendJson(std::string_view object);
  // A row as texts in the schema's order, each what AppendRowJson() writes without its quotes; nullopt: null.
  // REQUIRES: one for each column. Errors: kInvalidArgument, as above.
  [[nodiscard]] Result<void> AppendTexts(std::span<const std::optional<std::string>> texts);

  [[nodiscard]] int64_t rows() const { return rows_; }
  // The rows so far, and begins anew. Errors: kInvalidArgument: a value that does not fit.
  [[nodiscard]] Result<std::shared_ptr<arrow::RecordBatch>> Take();

  class Column;

 private:
  RowBuilder(std::shared_ptr<arrow::Schema> schema, std::vector<std::unique_ptr<Column>> columns);

  const std::shared_ptr<arrow::Schema> schema_;
  const std::vector<std::unique_ptr<Column>> columns_;
  int64_t rows_ = 0;
};

}  // namespace jammi
