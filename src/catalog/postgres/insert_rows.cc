// Many rows into one table: COPY for many at once, arrays in parameters for few and for those that may be
// there already.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "catalog/postgres/copy_writer.h"
#include "catalog/postgres/transaction.h"
#include "catalog/row_arrays.h"
#include "catalog/row_insert.h"

namespace jammi::postgres {
namespace {

constexpr int64_t kCopyFrom = 512;  // rows; for fewer its round trips are not worth it

std::vector<SqlKind> KindsOf(const RowInsert& insert) {
  std::vector<SqlKind> kinds;
  for (const auto& column : insert.columns) kinds.push_back(column.kind);
  return kinds;
}

// Of rows that share a key the last one is left: one statement must not write a row twice. They are written
// in their order, which matters to a unique index.
std::string InsertArraysText(const RowInsert& insert) {
  const std::string columns = ColumnNames(insert);
  std::string rows =
      fmt::format("{} WITH ORDINALITY AS r({}, ordinal)", RowArrays::UnnestText(KindsOf(insert)), columns);
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
  RowArrays arrays(KindsOf(insert));
  std::vector<SqlValue> values(insert.columns.size(), std::nullopt);
  int64_t written = 0;
  for (int64_t row = 0; row < insert.rows; ++row) {
    JAMMI_TRY(fill(row, values));
    JAMMI_TRY(CheckParams(values));
    arrays.Add(values);
    if (!arrays.full() && row + 1 < insert.rows) continue;
    JAMMI_ASSIGN(const int64_t changed, ExecuteImpl(sql, arrays.Params()));
    written += changed;
    arrays.Clear();
  }
  return insert.on_conflict == OnConflict::kReplace ? insert.rows : written;
}

}  // namespace jammi::postgres
