// What the benchmarks of streams publish.
#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <memory>
#include <stdexcept>

namespace jammi::bench {

// An integer, a real and a short text: what a reading of an instrument looks like.
inline std::shared_ptr<arrow::RecordBatch> MakeBatch(int64_t rows) {
  arrow::Int64Builder ids;
  arrow::DoubleBuilder values;
  arrow::StringBuilder places;
  for (int64_t row = 0; row < rows; ++row) {
    if (!ids.Append(row).ok() || !values.Append(static_cast<double>(row) / 3).ok() ||
        !places.Append("Alaska").ok()) {
      throw std::runtime_error("no memory");
    }
  }
  return arrow::RecordBatch::Make(
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("mag", arrow::float64()),
                     arrow::field("place", arrow::utf8())}),
      rows, {*ids.Finish(), *values.Finish(), *places.Finish()});
}

}  // namespace jammi::bench
