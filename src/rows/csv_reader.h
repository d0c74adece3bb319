// CSV as rows; see row_reader.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rows/row_builder.h"
#include "rows/row_reader.h"

namespace jammi {

class CsvReader final : public RowReader {
 public:
  CsvReader(std::shared_ptr<arrow::Schema> schema, std::unique_ptr<RowBuilder> builder,
            int64_t rows_per_batch)
      : schema_(std::move(schema)), builder_(std::move(builder)), rows_per_batch_(rows_per_batch) {}

  [[nodiscard]] Result<void> Feed(std::string_view bytes) override;
  [[nodiscard]] Result<void> End() override;

 private:
  enum class Place : uint8_t {
    kFieldStart,
    kPlain,        // in a field without quotes
    kQuoted,       // in a field with quotes
    kQuoteInside,  // behind a quote in one: its end, or the first of two
    kCarriageReturn,
  };

  [[nodiscard]] Result<void> Take(char c);
  [[nodiscard]] Result<void> TakeOutside(char c);
  void EndField();
  [[nodiscard]] Result<void> EndRecord();
  [[nodiscard]] Result<void> Header();
  [[nodiscard]] Result<void> Cut();
  [[nodiscard]] Error Here(std::string_view what) const;

  const std::shared_ptr<arrow::Schema> schema_;
  const std::unique_ptr<RowBuilder> builder_;
  const int64_t rows_per_batch_;
  Place place_ = Place::kFieldStart;
  bool quoted_ = false;  // the field at hand has, or had, quotes
  std::string field_;
  std::vector<std::optional<std::string>> fields_;  // of the record at hand
  int64_t bytes_ = 0;                               // seen so far
  int64_t line_ = 1;                                // at hand
  int64_t record_line_ = 1;                         // where the record at hand began
  std::vector<int> columns_;  // of the schema, in the file's order; empty: no header yet
};

}  // namespace jammi
