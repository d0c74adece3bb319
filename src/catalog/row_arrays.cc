#include "catalog/row_arrays.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "catalog/postgres/binary.h"

namespace jammi {
namespace {

struct ArrayType {
  std::string_view name;
  uint32_t element;  // the object identifier of its type, fixed in PostgreSQL's own catalog
};

ArrayType ArrayOf(SqlKind kind) {
  switch (kind) {
    case SqlKind::kInteger:
      return {"BIGINT[]", 20};
    case SqlKind::kReal:
      return {"DOUBLE PRECISION[]", 701};
    case SqlKind::kText:
      return {"TEXT[]", 25};
    case SqlKind::kBytes:
      break;
  }
  return {"BYTEA[]", 17};
}

constexpr size_t kCountAt = 3 * sizeof(uint32_t);

// As long as it has no elements.
std::string EmptyArray(SqlKind kind) {
  std::string bytes;
  postgres::PutNumber(bytes, uint32_t{1});  // dimension
  postgres::PutNumber(bytes, uint32_t{1});  // there may be nulls
  postgres::PutNumber(bytes, ArrayOf(kind).element);
  postgres::PutNumber(bytes, uint32_t{0});  // elements
  postgres::PutNumber(bytes, uint32_t{1});  // index of the first
  return bytes;
}

}  // namespace

RowArrays::RowArrays(std::span<const SqlKind> columns) : columns_(columns.begin(), columns.end()) { Clear(); }

std::string RowArrays::UnnestText(std::span<const SqlKind> columns) {
  std::string arrays;
  for (size_t i = 0; i < columns.size(); ++i)
    arrays += fmt::format("{}CAST(${} AS {})", i == 0 ? "" : ", ", i + 1, ArrayOf(columns[i]).name);
  return fmt::format("unnest({})", arrays);
}

void RowArrays::Add(SqlParams row) {
  bytes_ = 0;
  for (size_t i = 0; i < arrays_.size(); ++i) {
    postgres::PutValue(arrays_[i], row[i]);
    bytes_ += arrays_[i].size();
  }
  ++rows_;
}

std::vector<SqlValue> RowArrays::Params() {
  std::vector<SqlValue> params;
  const uint32_t count = std::byteswap(static_cast<uint32_t>(rows_));
  for (std::string& array : arrays_) {
    std::memcpy(array.data() + kCountAt, &count, sizeof(count));
    params.emplace_back(SqlBytes(reinterpret_cast<const uint8_t*>(array.data()), array.size()));
  }
  return params;
}

void RowArrays::Clear() {
  rows_ = 0;
  bytes_ = 0;
  arrays_.clear();
  for (const SqlKind kind : columns_) arrays_.push_back(EmptyArray(kind));
}

}  // namespace jammi
