// Many rows into one table: COPY for many at once, arrays in parameters for few and for those that may be
// there already.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "catalog/postgres/copy_writer.h"
#include "catalog/postgres/transaction.h"
#include "catalog/row_insert.h"

namespace jammi::postgres {
namespace {

constexpr int64_t kCopyFrom = 512;  // rows; for fewer its round trips are not worth it
constexpr int64_t kArrayRows = 8192;
constexpr size_t kArrayBytes = 4 << 20;

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

// The values of one column, in the binary form of an array.
class ArrayParameter {
 public:
  explicit ArrayParameter(SqlKind kind) {
    PutNumber(bytes_, uint32_t{1});  // dimension
    PutNumber(bytes_, uint32_t{1});  // there may be nulls
    PutNumber(bytes_, ArrayOf(kind).element);
    PutNumber(bytes_, uint32_t{0});  // elements
    PutNumber(bytes_, uint32_t{1});  // index of the first
  }

  void Add(const SqlValue& value) {
    PutValue(bytes_, value);
    ++count_;
  }

  [[nodiscard]] SqlValue Finish() {
    const uint32_t network = std::byteswap(count_);
    std::memcpy(bytes_.data() + 3 * sizeof(uint32_t), &network, sizeof(network));
    return SqlBytes(reinterpret_cast<const uint8_t*>(bytes_.data()), bytes_.size());
  }

  [[nodiscard]] size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
  uint32_t count_ = 0;
};

// Of rows that share a key the last one is left: one statement must not write a row twice. They are written
// in their order, which matters to a unique index.
std::string InsertArraysText(const RowInsert& insert) {
  std::string arrays;
  for (size_t i = 0; i < insert.columns.size(); ++i) {
    arrays +=
        fmt::format("{}CAST(${} AS {})", i == 0 ? "" : ", ", i + 1, ArrayOf(insert.columns[i].kind).name);
  }
  const std::string columns = ColumnNames(insert);
  std::string rows = fmt::format("unnest({}) WITH ORDINALITY AS r({}, ordinal)", arrays, columns);
  if (insert.on_conflict == OnConflict::kReplace) {
    rows = fmt::format("(SELECT DISTINCT ON ({0}) * FROM {1} ORDER BY {0}, ordinal DESC) AS last",
                       fmt::join(insert.key, ", "), rows);
  }
  rows = fmt::format("SELECT {} FROM {} ORDER BY ordinal", columns, rows);
  return fmt::format("INSERT INTO {} ({}) {}{}", insert.table, columns, rows, ConflictClause(insert));
}

}  // namespace

Result<int64_t> PgTransaction::InsertRowsImpl(const RowInsert& insert, const RowInsert::Fill& fill) {
  if (failed_) return *failed_;
  const bool copy = insert.on_conflict == OnConflict::kFail && insert.rows >= kCopyFrom;
  return copy ? CopyRows(insert, fill) : InsertArrays(insert, fill);
}

Result<int64_t> PgTransaction::CopyRows(const RowInsert& insert, const RowInsert::Fill& fill) {
  JAMMI_TRY(Begin());
  ran_ = true;
  const auto copy = [&]() -> Result<void> {
    JAMMI_TRY(connection_.BeginCopyIn(
        fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", insert.table, ColumnNames(insert))));
    CopyWriter writer(connection_);
    std::vector<SqlValue> values(insert.columns.size(), std::nullopt);
    for (int64_t row = 0; row < insert.rows; ++row) {
      auto filled = fill(row, values);
      if (filled) filled = CheckParams(values);
      if (!filled) {
        connection_.AbandonCopyIn();
        return filled;
      }
      JAMMI_TRY(writer.Add(values));
    }
    return writer.Finish();
  };
  if (auto copied = copy(); !copied) {
    failed_ = std::move(copied).error();
    return *failed_;
  }
  return insert.rows;
}

Result<int64_t> PgTransaction::InsertArrays(const RowInsert& insert, const RowInsert::Fill& fill) {
  const std::string sql = InsertArraysText(insert);
  std::vector<SqlValue> values(insert.columns.size(), std::nullopt);
  int64_t written = 0;
  for (int64_t row = 0; row < insert.rows;) {
    std::vector<ArrayParameter> arrays;
    for (const auto& column : insert.columns) arrays.emplace_back(column.kind);
    size_t bytes = 0;
    for (int64_t n = 0; n < kArrayRows && bytes < kArrayBytes && row < insert.rows; ++n, ++row) {
      JAMMI_TRY(fill(row, values));
      JAMMI_TRY(CheckParams(values));
      bytes = 0;
      for (size_t i = 0; i < values.size(); ++i) {
        arrays[i].Add(values[i]);
        bytes += arrays[i].size();
      }
    }
    std::vector<SqlValue> parameters;
    for (ArrayParameter& array : arrays) parameters.push_back(array.Finish());
    JAMMI_ASSIGN(const int64_t changed, ExecuteImpl(sql, parameters));
    written += changed;
  }
  return insert.on_conflict == OnConflict::kReplace ? insert.rows : written;
}

}  // namespace jammi::postgres
