#include "rows/row_reader.h"

#include "rows/arrow_reader.h"
#include "rows/csv_reader.h"
#include "rows/json_reader.h"

namespace jammi {

Result<std::unique_ptr<RowReader>> RowReader::Make(RowFormat format, std::shared_ptr<arrow::Schema> schema,
                                                   int64_t rows_per_batch) {
  if (format == RowFormat::kArrow)
    return std::unique_ptr<RowReader>(std::make_unique<ArrowReader>(std::move(schema), rows_per_batch));
  JAMMI_ASSIGN(auto builder, RowBuilder::Make(schema));
  const int64_t rows = rows_per_batch == 0 ? 1 : rows_per_batch;
  if (format == RowFormat::kCsv)
    return std::unique_ptr<RowReader>(
        std::make_unique<CsvReader>(std::move(schema), std::move(builder), rows));
  return std::unique_ptr<RowReader>(std::make_unique<JsonReader>(std::move(builder), rows));
}

}  // namespace jammi
