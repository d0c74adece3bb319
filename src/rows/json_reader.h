// JSON lines as rows; see row_reader.h.
#pragma once

#include <memory>
#include <string>

#include "rows/row_builder.h"
#include "rows/row_reader.h"

namespace jammi {

class JsonReader final : public RowReader {
 public:
  JsonReader(std::unique_ptr<RowBuilder> builder, int64_t rows_per_batch)
      : builder_(std::move(builder)), rows_per_batch_(rows_per_batch) {}

  [[nodiscard]] Result<void> Feed(std::string_view bytes) override;
  [[nodiscard]] Result<void> End() override;

 private:
  [[nodiscard]] Result<void> Line(std::string_view line);
  [[nodiscard]] Result<void> Cut();

  const std::unique_ptr<RowBuilder> builder_;
  const int64_t rows_per_batch_;
  std::string begun_;  // of a line whose end has not come
  int64_t line_ = 0;
};

}  // namespace jammi
