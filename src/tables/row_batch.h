// The rows of record batches, on their way into a table.
#pragma once

#include <arrow/type_fwd.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/tables.h"
#include "tables/sql_text.h"
#include "tables/table.h"

namespace jammi {

// What is done with rows.
enum class RowChange : uint8_t {
  kAppend,        // all columns; no such key may be there
  kUpsert,        // all columns; over a row with the same key
  kInsertAbsent,  // all columns; a row with the same key stays
  kUpdate,        // the columns of the key and some others, which are changed where the key is there
  kDelete,        // the columns of the key, in its order
  kAssign,        // one row of some columns, none of the key: what a filter's rows are changed to
};

// Used by one thread. Checked once; written as often as the transaction's body is run.
class RowBatch {
 public:
  // Checks all of it: columns, arrays, nulls, text, sizes. The batches must outlive it.
  // Errors: kInvalidArgument as Tables::Append() and its kin.
  [[nodiscard]] static Result<RowBatch> Make(std::shared_ptr<const Table> table, Tables::Batches batches,
                                             RowChange change);

  [[nodiscard]] const Table& table() const { return *table_; }
  [[nodiscard]] int64_t rows() const { return rows_; }
  [[nodiscard]] RowChange change() const { return change_; }

  // "c2 = $1, c3 = $2", of a kAssign.
  [[nodiscard]] Result<void> AddAssignments(SqlText& sql);

  // Does it, whatever it is but kAssign, with rows of `scope`. Of rows that share a key one counts: the
  // first of a kInsertAbsent, else the last; an append with such rows fails. Returns how many were written,
  // changed or deleted; an upsert counts all its rows.
  // Errors: kAlreadyExists with TableDetail(kDuplicateKey); the database's.
  [[nodiscard]] Result<int64_t> Apply(Transaction& tx, BackendKind kind, const Scope& scope);

  // The same by statements that can return the rows: for each statement, which ends with `tail`, calls
  // `run(text, values)`. SQLite has one for each row, PostgreSQL one for some thousands.
  using RunStatement = std::function<Result<void>(const std::string& sql, SqlParams params)>;
  [[nodiscard]] Result<void> ForEachStatement(BackendKind kind, const Scope& scope, std::string_view tail,
                                              const RunStatement& run);

  // `batches`, of which it was made, without the rows that do not count.
  [[nodiscard]] Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> Counted(
      Tables::Batches batches) const;

 private:
  struct Part {
    int64_t first = 0;  // the number of its first row
    int64_t rows = 0;
    std::vector<std::unique_ptr<CellWriter>> columns;  // as places_
  };
  RowBatch(std::shared_ptr<const Table> table, RowChange change)
      : table_(std::move(table)), change_(change) {}
  [[nodiscard]] Result<void> FindPlaces(const arrow::Schema& first);
  [[nodiscard]] Result<void> CheckSchema(const arrow::Schema& actual) const;
  [[nodiscard]] Result<void> Add(const arrow::RecordBatch& batch);
  [[nodiscard]] Result<void> CheckNulls(const arrow::RecordBatch& batch) const;
  [[nodiscard]] Result<void> CheckSizes(const Part& part, std::string_view of,
                                        const std::vector<int>& indexed) const;
  [[nodiscard]] Result<void> FindRepeatedKeys();
  // Sets the values of the next row that counts, the scope first.
  [[nodiscard]] RowInsert::Fill MakeFill(const std::string& owner);
  [[nodiscard]] int64_t counted() const { return rows_ - not_counted_; }
  [[nodiscard]] bool is_repeated(int64_t row) const {
    return not_counted_ > 0 && repeated_[static_cast<size_t>(row)];
  }
  // Must its rows be changed one after the other? So it is where one may take what another has to give up.
  [[nodiscard]] bool OrderMatters() const;
  [[nodiscard]] std::string StatementOfOne() const;
  [[nodiscard]] std::string StatementOfMany() const;
  [[nodiscard]] Result<void> RunForEach(const Scope& scope, const std::string& sql, const RunStatement& run);
  [[nodiscard]] Result<void> RunForMany(const Scope& scope, const std::string& sql, const RunStatement& run);
  [[nodiscard]] std::vector<SqlKind> Kinds() const;
  std::shared_ptr<const Table> table_;
  RowChange change_;
  std::vector<size_t> places_;  // of the batches' columns in the table
  std::vector<Part> parts_;
  int64_t rows_ = 0;
  std::vector<bool> repeated_;  // each row that does not count; empty: all do
  int64_t not_counted_ = 0;
};

// The error of a write in words of the table, if it was a key that is there already, or too much for an
// index; else unchanged.
[[nodiscard]] Error ExplainWrite(const Table& table, Error error);

}  // namespace jammi
