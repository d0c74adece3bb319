// How the values of a column are stored in the two databases. One table, in column_codec.cc, of what becomes
// of each Arrow type: the definition of the storage table, what is written and what is read follow from it.
//
// Most types are stored as integers, whose order is that of the values (docs/decisions/0031):
//
//   bool, integers, dates, times, timestamps, durations    as they are, in the unit of the type
//   uint64                        minus 2^63
//   floats                        bits of the float64, negative ones mirrored; one NaN
//   utf8, binary and their kin    text, bytes
//   decimals                      bytes: big endian, the sign inverted
//   lists, structs, maps, intervals    bytes: an Arrow IPC record batch of one row
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string_view>
#include <utility>

#include "jammi/catalog_backend.h"
#include "jammi/result.h"

namespace jammi {

// Gives the cells of one array, in any order. Used by one thread.
class CellWriter {
 public:
  virtual ~CellWriter() = default;
  // Sets `cell` to the value at `row`, which is lent out until the next call, and as long as the array lives.
  // Errors: kResourceExhausted.
  [[nodiscard]] virtual Result<void> Get(int64_t row, SqlValue& cell) = 0;
  // Bytes of a text or bytes value; 0 for others.
  [[nodiscard]] virtual int64_t Length(int64_t /*row*/) const { return 0; }
};

// Makes an array of cells. Used by one thread.
class ColumnDecoder {
 public:
  virtual ~ColumnDecoder() = default;
  // Errors: kDataLoss with BackendDetail(kTypeConversion, column): this was never written there.
  [[nodiscard]] Result<void> Append(const Row::Cell& cell) {
    if (Take(cell)) [[likely]]
      return {};
    return std::move(refusal_);
  }
  // What was appended since the last call. Errors: kResourceExhausted.
  [[nodiscard]] virtual Result<std::shared_ptr<arrow::Array>> Finish() = 0;

 protected:
  // Called for each value of a scan, where a Result of its own would be felt. False: Refuse() was told why.
  [[nodiscard]] virtual bool Take(const Row::Cell& cell) = 0;
  [[nodiscard]] bool Refuse(Error why) {
    refusal_ = std::move(why);
    return false;
  }

 private:
  Error refusal_{ErrorCode::kInternal, {}};
};

// Immutable, cheap to copy, thread-safe.
class ColumnCodec {
 public:
  // Errors: kInvalidArgument with UnsupportedSchemaTypeDetail.
  [[nodiscard]] static Result<ColumnCodec> Make(std::shared_ptr<arrow::Field> field);

  [[nodiscard]] const arrow::Field& field() const { return *field_; }
  [[nodiscard]] SqlKind kind() const;
  // The order of what is stored, bytewise for text and bytes, is that of the values: a key, an index and a
  // comparison will do.
  [[nodiscard]] bool ordered() const;
  // Values may be long: CellWriter::Length() says how long.
  [[nodiscard]] bool variable() const;

  // Of an array of the column's type that went through ValidateFull().
  // Errors: kInvalidArgument with TableDetail(kInvalidValue, column): text with U+0000.
  [[nodiscard]] Result<std::unique_ptr<CellWriter>> NewWriter(std::shared_ptr<arrow::Array> array) const;
  [[nodiscard]] Result<std::unique_ptr<ColumnDecoder>> NewDecoder() const;

 private:
  struct Form;
  friend struct FormTable;
  ColumnCodec(std::shared_ptr<arrow::Field> field, const Form* form)
      : field_(std::move(field)), form_(form) {}
  [[nodiscard]] static const Form* FormOf(const arrow::DataType& type);

  std::shared_ptr<arrow::Field> field_;
  const Form* form_;
};

}  // namespace jammi
