// Arrow IPC streams and files as rows; see row_reader.h.
#pragma once

#include <memory>
#include <string>

#include "rows/row_reader.h"

namespace jammi {

// A stream is read as it comes; a file is kept until its end, which says where its batches are.
class ArrowReader final : public RowReader {
 public:
  ArrowReader(std::shared_ptr<arrow::Schema> schema, int64_t rows_per_batch);
  ~ArrowReader() override;

  [[nodiscard]] Result<void> Feed(std::string_view bytes) override;
  [[nodiscard]] Result<void> End() override;

 private:
  class Listener;
  [[nodiscard]] Result<void> Consume(std::string_view bytes);
  [[nodiscard]] Result<void> ReadFile();
  [[nodiscard]] Result<void> Add(const std::shared_ptr<arrow::RecordBatch>& batch);

  const std::shared_ptr<arrow::Schema> schema_;
  const int64_t rows_per_batch_;
  std::string kept_;  // the first bytes, until they say what it is; a file's whole
  enum class Kind : uint8_t { kUnknown, kStream, kFile } kind_ = Kind::kUnknown;
  struct Stream;
  std::unique_ptr<Stream> stream_;
  int64_t batches_ = 0;
};

}  // namespace jammi
