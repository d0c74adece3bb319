// How the rows of a batch reach the database.
#include <arrow/api.h>
#include <fmt/format.h>

#include <algorithm>

#include "catalog/row_arrays.h"
#include "catalog/row_insert.h"
#include "tables/row_batch.h"

namespace jammi {
namespace {

// Calls `use` with what inserts that many rows.
template <class Use>
auto WithInsert(const Table& table, RowChange change, int64_t rows, Use use) {
  std::vector<RowInsert::Column> columns = {{Table::kScopeColumn, SqlKind::kText}};
  for (size_t i = 0; i < table.columns(); ++i) columns.push_back({table.column(i), table.codec(i).kind()});
  std::vector<std::string_view> key = {Table::kScopeColumn};
  for (const int place : table.key()) key.emplace_back(table.column(static_cast<size_t>(place)));
  const OnConflict on_conflict = change == RowChange::kAppend   ? OnConflict::kFail
                                 : change == RowChange::kUpsert ? OnConflict::kReplace
                                                                : OnConflict::kIgnore;
  return use(RowInsert{
      .table = table.storage(), .columns = columns, .rows = rows, .on_conflict = on_conflict, .key = key});
}

// "mt_7.s, mt_7.c0": SQLite's name of an index.
std::string ColumnsOf(const Table& table, const std::vector<int>& places) {
  std::string columns = fmt::format("{}.{}", table.storage(), Table::kScopeColumn);
  for (const int place : places)
    columns += fmt::format(", {}.{}", table.storage(), table.column(static_cast<size_t>(place)));
  return columns;
}

// PostgreSQL's name of an index.
std::string NameOfIndex(const Table& table, size_t index) {
  return fmt::format("{0}_i{1} on {0}", table.storage(), index);
}

// The unique index that a database has named in its own words; empty: it was the key, or is not known.
std::string UniqueIndexIn(const Table& table, std::string_view words) {
  if (words == ColumnsOf(table, table.key())) return {};
  for (size_t i = 0; i < table.indexes().size(); ++i) {
    const TableIndex& index = table.record().definition.indexes[i];
    const bool is_it = words == NameOfIndex(table, i) || words == ColumnsOf(table, table.indexes()[i]);
    if (index.unique && is_it) return index.name;
  }
  return {};
}

Error Duplicate(const Table& table, std::string_view words) {
  std::string index = UniqueIndexIn(table, words);
  const std::string of = index.empty() ? "key" : fmt::format("values in unique index '{}'", index);
  return Error(ErrorCode::kAlreadyExists,
               fmt::format("table '{}': a row with the same {} is there already", table.id(), of),
               TableDetail{TableFault::kDuplicateKey, table.id(), std::move(index)});
}

// An update of one column of an index does not know how long the others are; SQLite does not care.
Error TooLong(const Table& table, std::string_view words) {
  std::string name;
  for (size_t i = 0; i < table.indexes().size(); ++i) {
    if (words == NameOfIndex(table, i)) name = table.record().definition.indexes[i].name;
  }
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("table '{}': together with the row's other values in index '{}' the new ones take "
                           "more than PostgreSQL can index",
                           table.id(), name),
               TableDetail{TableFault::kInvalidValue, table.id(), std::move(name)});
}

}  // namespace

Error ExplainWrite(const Table& table, Error error) {
  const auto* refused = error.As<BackendDetail>();
  if (refused == nullptr) return error;
  if (refused->fault == BackendFault::kUnique) return Duplicate(table, refused->object);
  if (refused->native_code == "54000") return TooLong(table, refused->object);
  return error;
}

Result<void> RowBatch::AddAssignments(SqlText& sql) {
  const auto part = std::ranges::find(parts_, 1, &Part::rows);  // others may be empty
  for (size_t i = 0; i < places_.size(); ++i) {
    SqlValue value = std::nullopt;
    JAMMI_TRY(part->columns[i]->Get(0, value));
    sql += fmt::format("{}{} = ", i == 0 ? "" : ", ", table_->column(places_[i]));
    sql.AddValue(value);
  }
  return {};
}

bool RowBatch::OrderMatters() const {
  if (change_ != RowChange::kUpdate) return false;
  for (size_t i = 0; i < table_->indexes().size(); ++i) {
    if (!table_->record().definition.indexes[i].unique) continue;
    for (const int place : table_->indexes()[i]) {
      const auto at = static_cast<size_t>(place);
      if (!table_->IsKey(at) && std::ranges::find(places_, at) != places_.end()) return true;
    }
  }
  return false;
}

// $1 is the scope, then come the columns.
std::string RowBatch::StatementOfOne() const {
  if (change_ != RowChange::kUpdate && change_ != RowChange::kDelete)
    return WithInsert(*table_, change_, 1, InsertOneText);
  std::string assignments;
  std::string condition = fmt::format(" WHERE {} = $1", Table::kScopeColumn);
  for (size_t i = 0; i < places_.size(); ++i) {
    const auto term = fmt::format("{} = ${}", table_->column(places_[i]), i + 2);
    if (table_->IsKey(places_[i])) {
      condition += " AND " + term;
    } else {
      assignments += (assignments.empty() ? "" : ", ") + term;
    }
  }
  if (change_ == RowChange::kDelete) return fmt::format("DELETE FROM {}{}", table_->storage(), condition);
  return fmt::format("UPDATE {} SET {}{}", table_->storage(), assignments, condition);
}

// The arrays of the columns are the first parameters, the scope is the last.
std::string RowBatch::StatementOfMany() const {
  std::string names;
  std::string columns = std::string(Table::kScopeColumn);
  std::string assignments;
  std::string condition = fmt::format("{} = ${}", Table::kScopeColumn, places_.size() + 1);
  for (size_t i = 0; i < places_.size(); ++i) {
    const std::string& column = table_->column(places_[i]);
    names += fmt::format("{}r{}", i == 0 ? "" : ", ", i);
    columns += ", " + column;
    if (table_->IsKey(places_[i])) {
      condition += fmt::format(" AND {} = r{}", column, i);
    } else {
      assignments += fmt::format("{}{} = r{}", assignments.empty() ? "" : ", ", column, i);
    }
  }
  const std::string rows = RowArrays::UnnestText(Kinds());
  const std::string& table = table_->storage();
  switch (change_) {
    case RowChange::kUpdate:
      return fmt::format("UPDATE {} SET {} FROM {} AS r({}) WHERE {}", table, assignments, rows, names,
                         condition);
    case RowChange::kDelete:
      return fmt::format("DELETE FROM {} USING {} AS r({}) WHERE {}", table, rows, names, condition);
    default:
      return WithInsert(*table_, change_, 0, [&](const RowInsert& insert) {
        return fmt::format(
            "INSERT INTO {} ({}) SELECT CAST(${} AS TEXT), {} FROM {} WITH ORDINALITY AS r({}, ordinal)"
            " ORDER BY ordinal{}",
            table, columns, places_.size() + 1, names, rows, names, ConflictClause(insert));
      });
  }
}

std::vector<SqlKind> RowBatch::Kinds() const {
  std::vector<SqlKind> kinds;
  for (const size_t place : places_) kinds.push_back(table_->codec(place).kind());
  return kinds;
}

RowInsert::Fill RowBatch::MakeFill(const std::string& owner) {
  return [this, &owner, part = static_cast<const Part*>(nullptr), next = int64_t{0}](
             int64_t row, std::span<SqlValue> values) mutable -> Result<void> {
    if (row == 0) {
      part = parts_.data();
      next = 0;
    }
    while (is_repeated(next)) ++next;
    while (next >= part->first + part->rows) ++part;
    values[0] = owner;
    for (size_t i = 0; i < part->columns.size(); ++i)
      JAMMI_TRY(part->columns[i]->Get(next - part->first, values[i + 1]));
    ++next;
    return {};
  };
}

Result<void> RowBatch::RunForEach(const Scope& scope, const std::string& sql, const RunStatement& run) {
  const std::string owner = scope.Key();
  const auto fill = MakeFill(owner);
  std::vector<SqlValue> values(places_.size() + 1, std::nullopt);
  for (int64_t row = 0; row < counted(); ++row) {
    JAMMI_TRY(fill(row, values));
    JAMMI_TRY(run(sql, values));
  }
  return {};
}

Result<void> RowBatch::RunForMany(const Scope& scope, const std::string& sql, const RunStatement& run) {
  const std::string owner = scope.Key();
  const auto fill = MakeFill(owner);
  const auto kinds = Kinds();
  RowArrays arrays(kinds);
  std::vector<SqlValue> values(places_.size() + 1, std::nullopt);
  for (int64_t row = 0; row < counted(); ++row) {
    JAMMI_TRY(fill(row, values));
    arrays.Add(SqlParams(values).subspan(1));
    if (!arrays.full() && row + 1 < counted()) continue;
    auto params = arrays.Params();
    params.emplace_back(owner);
    JAMMI_TRY(run(sql, params));
    arrays.Clear();
  }
  return {};
}

Result<void> RowBatch::ForEachStatement(BackendKind kind, const Scope& scope, std::string_view tail,
                                        const RunStatement& run) {
  const bool singly = kind == BackendKind::kSqlite || counted() == 1 || OrderMatters();
  std::string sql = singly ? StatementOfOne() : StatementOfMany();
  sql += tail;
  return singly ? RunForEach(scope, sql, run) : RunForMany(scope, sql, run);
}

Result<int64_t> RowBatch::Apply(Transaction& tx, BackendKind kind, const Scope& scope) {
  if (rows_ == 0) return 0;
  if (change_ == RowChange::kUpdate || change_ == RowChange::kDelete) {
    int64_t changed = 0;
    auto ran =
        ForEachStatement(kind, scope, {}, [&](const std::string& sql, SqlParams params) -> Result<void> {
          JAMMI_ASSIGN(const int64_t rows, tx.Execute(sql, params));
          changed += rows;
          return {};
        });
    if (!ran) return ExplainWrite(*table_, std::move(ran).error());
    return changed;
  }
  const std::string owner = scope.Key();
  auto written = WithInsert(*table_, change_, counted(),
                            [&](const RowInsert& insert) { return tx.InsertRows(insert, MakeFill(owner)); });
  if (!written) return ExplainWrite(*table_, std::move(written).error());
  return change_ == RowChange::kUpsert ? rows_ : *written;
}

Result<std::vector<std::shared_ptr<arrow::RecordBatch>>> RowBatch::Counted(Tables::Batches batches) const {
  std::vector<std::shared_ptr<arrow::RecordBatch>> counted(batches.begin(), batches.end());
  for (size_t i = 0; not_counted_ > 0 && i < counted.size(); ++i) {
    std::vector<std::shared_ptr<arrow::RecordBatch>> runs;
    const auto& [first, rows, columns] = parts_[i];
    for (int64_t row = 0; row < rows;) {
      int64_t end = row;
      while (end < rows && !is_repeated(first + end)) ++end;
      if (end > row) runs.push_back(counted[i]->Slice(row, end - row));
      row = end + 1;
    }
    const auto table = arrow::Table::FromRecordBatches(counted[i]->schema(), runs);
    if (!table.ok()) return Error(ErrorCode::kResourceExhausted, table.status().ToString());
    auto joined = (*table)->CombineChunksToBatch();
    if (!joined.ok()) return Error(ErrorCode::kResourceExhausted, joined.status().ToString());
    counted[i] = *std::move(joined);
  }
  return counted;
}

}  // namespace jammi
