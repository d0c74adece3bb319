// Many rows as the parameters of one statement of PostgreSQL: an array for each column.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "jammi/catalog_backend.h"

namespace jammi {

// Used by one thread.
class RowArrays {
 public:
  explicit RowArrays(std::span<const SqlKind> columns);

  // "unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]))": the rows, as a statement has them whose first
  // parameters these are.
  [[nodiscard]] static std::string UnnestText(std::span<const SqlKind> columns);

  // The values of a row, one for each column; they are copied.
  void Add(SqlParams row);
  [[nodiscard]] int64_t rows() const { return rows_; }
  // So many rows, or bytes, are enough for one statement.
  [[nodiscard]] bool full() const { return rows_ >= kMostRows || bytes_ >= kEnoughBytes; }

  // Of the rows since the last Clear(); they live until the next call.
  [[nodiscard]] std::vector<SqlValue> Params();
  void Clear();

 private:
  static constexpr int64_t kMostRows = 8192;
  static constexpr size_t kEnoughBytes = 4 << 20;

  std::vector<SqlKind> columns_;
  std::vector<std::string> arrays_;  // in the binary form of an array
  int64_t rows_ = 0;
  size_t bytes_ = 0;
};

}  // namespace jammi
