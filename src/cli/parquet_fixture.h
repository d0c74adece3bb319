// Parquet files as other programs write them.
#pragma once

#include <arrow/api.h>
#include <arrow/io/memory.h>
#include <gtest/gtest.h>
#include <parquet/arrow/writer.h>

#include <memory>
#include <string>

namespace jammi::test {

// With the schema of Arrow beside that of Parquet, as pandas and polars write it.
inline std::string ParquetOf(const std::shared_ptr<arrow::RecordBatch>& batch,
                             int64_t rows_per_group = 1 << 20) {
  const auto out = *arrow::io::BufferOutputStream::Create();
  const auto table = *arrow::Table::FromRecordBatches({batch});
  const auto properties = parquet::ArrowWriterProperties::Builder().store_schema()->build();
  EXPECT_TRUE(parquet::arrow::WriteTable(*table, arrow::default_memory_pool(), out, rows_per_group,
                                         parquet::default_writer_properties(), properties)
                  .ok());
  return (*out->Finish())->ToString();
}

}  // namespace jammi::test
