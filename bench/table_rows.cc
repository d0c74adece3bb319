#include "bench/table_rows.h"

#include <fmt/format.h>

#include <stdexcept>

namespace jammi::bench {
namespace {

void Check(const arrow::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

}  // namespace

std::shared_ptr<arrow::Schema> TableSchema() {
  static const auto schema =
      arrow::schema({arrow::field("id", arrow::int64(), false), arrow::field("v", arrow::int64()),
                     arrow::field("x", arrow::float64()), arrow::field("t", arrow::utf8())});
  return schema;
}

BatchPtr TableRows(int64_t first, int64_t rows) {
  arrow::Int64Builder id, v;
  arrow::DoubleBuilder x;
  arrow::StringBuilder t;
  for (int64_t i = first; i < first + rows; ++i) {
    Check(id.Append(i));
    Check(v.Append(i / kRowsOfV));
    Check(x.Append(static_cast<double>(i) * 0.37));
    Check(t.Append(fmt::format("text of row {:08}", i)));
  }
  return arrow::RecordBatch::Make(
      TableSchema(), rows,
      {id.Finish().ValueOrDie(), v.Finish().ValueOrDie(), x.Finish().ValueOrDie(), t.Finish().ValueOrDie()});
}

void TableColumns::Add(int64_t id, int64_t v, double x, std::string_view t) {
  Check(id_.Append(id));
  Check(v_.Append(v));
  Check(x_.Append(x));
  Check(t_.Append(t));
}

int64_t TableColumns::Finish() {
  const int64_t rows = id_.length();
  const auto batch = arrow::RecordBatch::Make(TableSchema(), rows,
                                              {id_.Finish().ValueOrDie(), v_.Finish().ValueOrDie(),
                                               x_.Finish().ValueOrDie(), t_.Finish().ValueOrDie()});
  return batch->num_rows();
}

}  // namespace jammi::bench
