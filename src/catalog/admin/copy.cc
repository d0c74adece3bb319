// A catalog into another database. What the target holds is all the progress there is: rows are written in
// the order of their keys, in batches that are transactions, so the highest key of a table says where it goes
// on.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "base/hash.h"
#include "base/sync_point.h"
#include "catalog/admin/digest.h"
#include "catalog/admin/identity.h"
#include "catalog/admin/storage_tables.h"
#include "catalog/backend_error.h"
#include "jammi/ids.h"

namespace jammi {
namespace {

using admin::Database;
using admin::Table;

constexpr int64_t kBatchRows = 50'000;
constexpr int64_t kBatchBytes = 32 << 20;

// In the target while it is unfinished: the tables that were emptied of what migrations put there, and the
// rows written to each.
constexpr std::string_view kProgress = "catalog_copy_tables";

int64_t BytesOf(SqlParams values) {
  int64_t bytes = 0;
  for (const SqlValue& value : values) {
    if (const auto* text = std::get_if<std::string_view>(&value.get()))
      bytes += static_cast<int64_t>(text->size());
    if (const auto* raw = std::get_if<SqlBytes>(&value.get())) bytes += static_cast<int64_t>(raw->size());
  }
  return bytes;
}

// One table's rows from where the target has them on.
class TableCopy {
 public:
  TableCopy(Database& from, Database& to, const Table& table, const CopyOptions& options)
      : from_(from), to_(to), table_(table), options_(options) {}

  Result<void> Run() {
    JAMMI_ASSIGN(const auto rows,
                 admin::GetInt(to_, fmt::format("SELECT rows_written AS v FROM {} WHERE table_name = {}",
                                                kProgress, admin::Quoted(table_.name))));
    rows_ = rows.value_or(0);
    JAMMI_ASSIGN(const std::string after, LastKey());
    auto copied = from_.Query(fmt::format("SELECT {} FROM {}{} ORDER BY {}", admin::ColumnList(table_),
                                          table_.name, after, admin::List(table_.key)),
                              [this](const Row& row) -> Result<bool> {
                                JAMMI_TRY(Take(row));
                                return true;
                              });
    if (copied && writer_ != nullptr) copied = EndBatch();
    if (!copied) {
      writer_.reset();
      return copied;
    }
    if (options_.progress) options_.progress(table_.name, rows_);
    return {};
  }

 private:
  // " WHERE (a, b) > (1, 'x')", of the last row that the target has; empty when it has none.
  Result<std::string> LastKey() {
    std::string order;
    for (const std::string& column : table_.key) order += (order.empty() ? "" : ", ") + column + " DESC";
    std::string key;
    JAMMI_TRY(to_.Query(
        fmt::format("SELECT {} FROM {} ORDER BY {} LIMIT 1", admin::List(table_.key), table_.name, order),
        [&](const Row& row) -> Result<bool> {
          for (const std::string& column : table_.key) {
            JAMMI_ASSIGN(const std::string literal, Literal(row, column));
            key += (key.empty() ? "" : ", ") + literal;
          }
          return true;
        }));
    if (key.empty()) return key;
    return fmt::format(" WHERE ({}) > ({})", admin::List(table_.key), key);
  }

  Result<std::string> Literal(const Row& row, std::string_view name) {
    const auto column = std::ranges::find(table_.columns, name, &admin::Column::name);
    if (column->type == admin::ColumnType::kInt) {
      JAMMI_ASSIGN(const auto value, row.Get<int64_t>(name));
      return fmt::format("{}", value);
    }
    if (column->type == admin::ColumnType::kText) {
      JAMMI_ASSIGN(const auto value, row.Get<std::string_view>(name));
      return admin::Quoted(value);
    }
    if (column->type == admin::ColumnType::kBytes) {
      JAMMI_ASSIGN(const auto value, row.Get<SqlBytes>(name));
      const bool sqlite = from_.kind() == BackendKind::kSqlite;
      return fmt::format(fmt::runtime(sqlite ? "X'{}'" : "'\\x{}'::bytea"), ToHex(value));
    }
    return Error(ErrorCode::kInternal, fmt::format("{}.{} cannot be part of a key", table_.name, name));
  }

  Result<void> Take(const Row& row) {
    JAMMI_TRY(admin::ReadValues(table_, row, values_));
    if (writer_ == nullptr) {
      JAMMI_TRY(to_.Execute("BEGIN"));
      JAMMI_ASSIGN(writer_, to_.Write(table_));
    }
    JAMMI_TRY(writer_->Add(values_));
    ++batch_rows_;
    batch_bytes_ += BytesOf(values_);
    if (batch_rows_ < kBatchRows && batch_bytes_ < kBatchBytes) return {};
    return EndBatch();
  }

  // Its rows and how many they are become durable together.
  Result<void> EndBatch() {
    JAMMI_TRY(writer_->Finish());
    writer_.reset();
    rows_ += batch_rows_;
    JAMMI_TRY(to_.Execute(fmt::format("UPDATE {} SET rows_written = $1 WHERE table_name = $2", kProgress),
                          {rows_, table_.name}));
    JAMMI_SYNC_POINT("catalog:copy_before_commit");
    JAMMI_TRY(to_.Execute("COMMIT"));
    JAMMI_SYNC_POINT("catalog:copy_batch");
    batch_rows_ = 0;
    batch_bytes_ = 0;
    if (options_.progress) options_.progress(table_.name, rows_);
    return {};
  }

  Database& from_;
  Database& to_;
  const Table& table_;
  const CopyOptions& options_;
  std::unique_ptr<admin::TableWriter> writer_;  // null: no batch is open
  std::vector<SqlValue> values_;
  int64_t rows_ = 0;
  int64_t batch_rows_ = 0;
  int64_t batch_bytes_ = 0;
};

class Copy {
 public:
  Copy(const CatalogLocation& from, const CatalogLocation& to, const CopyOptions& options)
      : from_location_(from), to_location_(to), options_(options) {}

  Result<CopyReport> Run() {
    JAMMI_TRY(OpenSource());
    JAMMI_TRY(FindTables());
    JAMMI_TRY(OpenTarget());
    JAMMI_TRY(PrepareTarget());
    for (const Table& table : tables_) {
      auto copied = TableCopy(*from_, *to_, table, options_).Run();
      if (!copied) return Explain(table, std::move(copied).error());
    }
    JAMMI_TRY(Verify());
    JAMMI_TRY(Finish());
    return report_;
  }

 private:
  Result<void> OpenSource() {
    JAMMI_ASSIGN(from_, admin::OpenDatabase(from_location_,
                                            options_.move ? admin::Access::kChange : admin::Access::kSource));
    if (options_.move) JAMMI_TRY(from_->LockOutEngines());
    JAMMI_TRY(from_->BeginSnapshot());
    JAMMI_ASSIGN(const auto ledger, admin::ReadLedger(*from_));
    JAMMI_TRY(admin::CheckLedger(ledger, /*missing_too=*/true));
    JAMMI_ASSIGN(source_mark_, admin::ReadMark(*from_));
    if (source_mark_.kind == CatalogMark::kUnfinishedCopy) return admin::CheckMayOpen(source_mark_);
    JAMMI_ASSIGN(source_, admin::ReadIdentity(*from_));
    if (source_.incarnation.empty())
      return Error(ErrorCode::kNotFound, "the source was never opened: it is empty");
    if (options_.move) return CheckMayMove();
    return {};
  }

  // Those of the migrations, and those that hold the rows of mutable tables.
  Result<void> FindTables() {
    JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
    tables_.assign(tables.begin(), tables.end());
    JAMMI_ASSIGN(storage_, admin::ReadStorageTables(*from_));
    for (const auto& storage : storage_) tables_.push_back(storage.table);
    return {};
  }

  // An engine beside a PostgreSQL source may drop a mutable table: the moment that is copied still has it,
  // but not its rows.
  static Error Explain(const Table& table, Error error) {
    if (HasNativeCode(error, "42P01")) {
      return Error(ErrorCode::kAborted,
                   fmt::format("table {} was dropped since the copy was begun. Run it again", table.name));
    }
    return std::move(error).While(fmt::format("copying {}", table.name));
  }

  Result<void> CheckMayMove() {
    if (source_mark_.kind == CatalogMark::kBackup) {
      return Error(ErrorCode::kFailedPrecondition,
                   "a backup cannot be moved, for the catalog that it is of may still be in use; copy it");
    }
    // A move that was interrupted at its very end goes on; nobody else may take over the incarnation.
    if (source_mark_.kind == CatalogMark::kMoved && source_mark_.note != ToString(to_location_)) {
      return admin::CheckMayOpen(source_mark_);
    }
    return {};
  }

  Result<void> OpenTarget() {
    if (ToString(from_location_) == ToString(to_location_)) {
      return Error(ErrorCode::kInvalidArgument, "source and target are the same");
    }
    JAMMI_ASSIGN(to_, admin::OpenDatabase(to_location_, admin::Access::kCreate));
    JAMMI_TRY(to_->LockForCopy());
    JAMMI_ASSIGN(const admin::Mark mark, admin::ReadMark(*to_));
    if (mark.kind == CatalogMark::kNone) return to_->MarkAsCopy(source_.incarnation);
    if (mark.kind != CatalogMark::kUnfinishedCopy) return admin::NotEmpty();
    if (mark.note != source_.incarnation) {
      return Error(ErrorCode::kAlreadyExists,
                   fmt::format("the target is an unfinished copy of another catalog, {}", mark.note));
    }
    report_.resumed = true;
    return {};
  }

  Result<void> PrepareTarget() {
    JAMMI_SYNC_POINT("catalog:copy_marked");
    JAMMI_TRY(to_->Migrate(Database::Purpose::kForCopy));
    return to_->InTransaction([&]() -> Result<void> {
      JAMMI_TRY(to_->PrepareLoad());
      JAMMI_TRY(
          to_->RunScript(fmt::format("CREATE TABLE IF NOT EXISTS {} (table_name TEXT NOT NULL PRIMARY KEY,"
                                     " rows_written BIGINT NOT NULL)",
                                     kProgress)));
      JAMMI_TRY(DropOthers());
      for (const auto& storage : storage_) {
        JAMMI_ASSIGN(const bool there, to_->HasTable(storage.table.name));
        if (there) continue;
        for (const std::string& text : admin::CreateTexts(storage, to_->kind()))
          JAMMI_TRY(to_->Execute(text));
      }
      for (const Table& table : tables_) {
        JAMMI_ASSIGN(const int64_t is_new, to_->Execute(fmt::format("INSERT INTO {} VALUES ($1, 0)"
                                                                    " ON CONFLICT (table_name) DO NOTHING",
                                                                    kProgress),
                                                        {table.name}));
        if (is_new == 1) JAMMI_TRY(to_->Execute(fmt::format("DELETE FROM {}", table.name)));
      }
      return {};
    });
  }

  // Tables of an earlier run that the source has dropped since.
  Result<void> DropOthers() {
    std::vector<std::string> others;
    JAMMI_TRY(
        to_->Query(fmt::format("SELECT table_name FROM {}", kProgress), [&](const Row& row) -> Result<bool> {
          JAMMI_ASSIGN(auto name, row.Get<std::string>("table_name"));
          if (std::ranges::find(tables_, name, &Table::name) == tables_.end())
            others.push_back(std::move(name));
          return true;
        }));
    for (const std::string& name : others) {
      JAMMI_TRY(to_->Execute(fmt::format("DROP TABLE {}", name)));
      JAMMI_TRY(to_->Execute(fmt::format("DELETE FROM {} WHERE table_name = $1", kProgress), {name}));
    }
    return {};
  }

  Result<void> Verify() {
    std::vector<std::string> differing;
    std::string differences;
    for (const Table& table : tables_) {
      auto source = admin::Digest(*from_, table);
      if (!source) return Explain(table, std::move(source).error());
      JAMMI_ASSIGN(const CopiedTable target, admin::Digest(*to_, table));
      report_.tables.push_back(target);
      if (source->rows == target.rows && source->checksum == target.checksum) continue;
      differing.push_back(table.name);
      differences +=
          fmt::format("table {}: the source has {} rows (checksum {:016x}), the copy had {} ({:016x}); ",
                      table.name, source->rows, source->checksum, target.rows, target.checksum);
    }
    if (differing.empty()) return {};
    JAMMI_TRY(to_->InTransaction([&] { return BeginAnew(differing); }));
    return Error(ErrorCode::kAborted,
                 differences + "the source was changed since the copy was begun. Run it again");
  }

  // The next run copies these again.
  Result<void> BeginAnew(std::span<const std::string> tables) {
    for (const std::string& table : tables) {
      JAMMI_TRY(to_->Execute(fmt::format("DELETE FROM {}", table)));
      JAMMI_TRY(to_->Execute(fmt::format("UPDATE {} SET rows_written = 0 WHERE table_name = $1", kProgress),
                             {table}));
    }
    return {};
  }

  // A move retires the source first: there is no moment at which two catalogs of one incarnation could be
  // opened. What could still refuse the copy comes before.
  Result<void> Finish() {
    JAMMI_TRY(to_->InTransaction([this] { return to_->FinishLoad(); }));
    report_.incarnation = options_.move ? source_.incarnation : Uuid::RandomV4().ToString();
    JAMMI_TRY(from_->Execute("COMMIT"));
    if (options_.move && source_mark_.kind != CatalogMark::kMoved) {
      JAMMI_TRY(from_->InTransaction([this] { return RetireSource(); }));
    }
    JAMMI_SYNC_POINT("catalog:copy_source_retired");
    return to_->InTransaction([&]() -> Result<void> {
      JAMMI_TRY(
          to_->Execute("UPDATE catalog_identity SET incarnation = $1 WHERE id = 1", {report_.incarnation}));
      JAMMI_TRY(to_->RunScript(fmt::format("DROP TABLE {}", kProgress)));
      JAMMI_TRY(to_->Execute(admin::kDropMark));
      return {};
    });
  }

  Result<void> RetireSource() {
    JAMMI_TRY(from_->Execute(admin::kCreateMark));
    JAMMI_TRY(from_->Execute(admin::kInsertMark,
                             {ToString(CatalogMark::kMoved), ToString(to_location_), admin::Now()}));
    return {};
  }

  const CatalogLocation& from_location_;
  const CatalogLocation& to_location_;
  const CopyOptions& options_;
  std::vector<Table> tables_;
  std::vector<admin::StorageTable> storage_;
  std::unique_ptr<Database> from_;
  std::unique_ptr<Database> to_;
  admin::Mark source_mark_;
  admin::Identity source_;
  CopyReport report_;
};

}  // namespace

Result<CopyReport> CopyCatalog(const CatalogLocation& from, const CatalogLocation& to,
                               const CopyOptions& options) {
  return Copy(from, to, options).Run();
}

}  // namespace jammi
