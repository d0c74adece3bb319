// A catalog's database as the tools see it: one connection, no engine, no writer's thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/admin/mark.h"
#include "catalog/admin/schema.h"
#include "jammi/catalog_admin.h"

namespace jammi::admin {

enum class Access : uint8_t {
  kLook,    // to read, beside engines
  kSource,  // to read, while no engine has a SQLite file open
  kChange,  // to write what is there, likewise
  kCreate,  // the same, creating the file if there is none
};

// A migration as this build would apply it.
struct KnownMigration {
  std::string_view name;
  std::string sha256;
};

// Writes rows of one table, as fast as the database can; within a transaction.
class TableWriter {
 public:
  virtual ~TableWriter() = default;
  // One value for each column, in the table's order; borrowed until this returns.
  [[nodiscard]] virtual Result<void> Add(SqlParams values) = 0;
  // No row is there before this has succeeded.
  [[nodiscard]] virtual Result<void> Finish() = 0;
};

// Used by one thread at a time. One statement runs at a time: no callback uses the database.
class Database {
 public:
  virtual ~Database() = default;
  [[nodiscard]] virtual BackendKind kind() const = 0;

  // Runs one statement and calls `row` for each row as it comes, until it returns false or fails: memory for
  // one row is all it takes.
  [[nodiscard]] virtual Result<void> Query(std::string_view sql, const Transaction::RowFn& row) = 0;
  // Runs one statement; the rows it changed.
  [[nodiscard]] virtual Result<int64_t> Execute(std::string_view sql,
                                                std::initializer_list<SqlValue> params = {}) = 0;
  // Runs statements that answer nothing.
  [[nodiscard]] virtual Result<void> RunScript(const std::string& sql) = 0;
  // Runs `step` in a transaction, which its success commits.
  [[nodiscard]] Result<void> InTransaction(const std::function<Result<void>()>& step);
  // All reads from here on are of one moment.
  [[nodiscard]] virtual Result<void> BeginSnapshot() = 0;

  [[nodiscard]] virtual Result<bool> HasTable(std::string_view name) = 0;
  [[nodiscard]] virtual std::vector<KnownMigration> KnownMigrations() const = 0;
  // Applies what is missing; what it applied. kForCopy: a file or database with the mark of an unfinished
  // copy.
  enum class Purpose : uint8_t { kUse, kForCopy };
  [[nodiscard]] virtual Result<std::vector<std::string>> Migrate(Purpose purpose) = 0;
  // Makes the incarnation of a new catalog, and that of one that was restored from a backup.
  [[nodiscard]] virtual Result<std::string> EnsureIncarnation() = 0;
  // What `status` says of this kind of database alone.
  [[nodiscard]] virtual Result<void> Describe(CatalogStatus& status) = 0;
  // What a check of the database's own finds.
  [[nodiscard]] virtual Result<void> CheckStorage(const std::function<void(const CheckFinding&)>& found) = 0;

  // Errors: BackendDetail(kBusy): engines are connected. They cannot start until the database is closed.
  [[nodiscard]] virtual Result<void> LockOutEngines() = 0;

  // --- Loading a copy, between PrepareLoad() and FinishLoad(): foreign keys are not looked at meanwhile.

  // Errors: BackendDetail(kBusy): another copy into this database runs.
  [[nodiscard]] virtual Result<void> LockForCopy() = 0;
  // Makes an empty database the unfinished copy of the catalog of that incarnation. Errors: kAlreadyExists:
  // it is not empty.
  [[nodiscard]] virtual Result<void> MarkAsCopy(std::string_view source_incarnation) = 0;
  // Within a transaction.
  [[nodiscard]] virtual Result<void> PrepareLoad() = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<TableWriter>> Write(const Table& table) = 0;
  // Within a transaction. Errors: BackendDetail(kForeignKey): a row lacks what it refers to.
  [[nodiscard]] virtual Result<void> FinishLoad() = 0;
};

// Errors: those that all functions of jammi/catalog_admin.h have; kFailedPrecondition with
// CatalogLockedDetail.
[[nodiscard]] Result<std::unique_ptr<Database>> OpenDatabase(const CatalogLocation& location, Access access);

// --- For statements that are made from names and keys

// 'it''s'
[[nodiscard]] std::string Quoted(std::string_view text);
// The column `v` of the one row; nullopt: it is NULL, or there is no row.
[[nodiscard]] Result<std::optional<int64_t>> GetInt(Database& database, std::string_view sql);

[[nodiscard]] Error NotEmpty();
// In microseconds; of this machine.
[[nodiscard]] UnixMicros Now();

// "postgres://db:5432/jammi"
[[nodiscard]] std::string DescribePostgres(const Secret& url);

// One kind each.
[[nodiscard]] Result<std::unique_ptr<Database>> OpenSqliteDatabase(const CatalogLocation& location,
                                                                   Access access);
[[nodiscard]] Result<std::unique_ptr<Database>> OpenPostgresDatabase(const CatalogLocation& location,
                                                                     Access access);

}  // namespace jammi::admin
