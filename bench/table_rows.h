// What the benchmark of mutable tables writes and reads, and the same without the engine.
#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace jammi::bench {

using BatchPtr = std::shared_ptr<arrow::RecordBatch>;

// id, v, x, t: two integers, a float, a text of 20 bytes; v = id / 1000 has an index.
[[nodiscard]] std::shared_ptr<arrow::Schema> TableSchema();
[[nodiscard]] BatchPtr TableRows(int64_t first, int64_t rows);
inline constexpr int64_t kRowsOfV = 1000;

// A table of these columns in a database of its own, with plain types, used through the database's own
// interface: prepared statements, COPY, results in binary form. What is read becomes the same Arrow columns.
class TableRival {
 public:
  virtual ~TableRival() = default;
  // One transaction.
  virtual void Append(const BatchPtr& batch) = 0;
  virtual void Upsert(const BatchPtr& batch) = 0;
  virtual int64_t Get(int64_t id) = 0;      // rows found
  virtual int64_t Filtered(int64_t v) = 0;  // rows with that v, in the order of the key
  virtual int64_t Full() = 0;               // all rows
  virtual void Clear() = 0;
};

[[nodiscard]] std::unique_ptr<TableRival> MakeSqliteTable(const std::filesystem::path& file);
[[nodiscard]] std::unique_ptr<TableRival> MakePostgresTable(const std::string& url);

// What both read rows into.
class TableColumns {
 public:
  void Add(int64_t id, int64_t v, double x, std::string_view t);
  // Ends a batch; its rows.
  int64_t Finish();

 private:
  arrow::Int64Builder id_, v_;
  arrow::DoubleBuilder x_;
  arrow::StringBuilder t_;
};
// Rows of a batch of the rivals.
inline constexpr int64_t kRivalBatch = 8192;

}  // namespace jammi::bench
