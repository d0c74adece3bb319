// A catalog file as the tools see it.
#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <utility>

#include "base/hash.h"
#include "catalog/admin/database.h"
#include "catalog/backend_error.h"
#include "catalog/migrations.h"
#include "catalog/sqlite/connection.h"
#include "catalog/sqlite/data_folder.h"
#include "catalog/sqlite/lock_file.h"
#include "catalog/sqlite/migrate.h"
#include "catalog/sqlite/read_only.h"
#include "catalog/sqlite/sqlite_error.h"

namespace jammi {
namespace sqlite {
namespace {

using admin::Access;
using admin::Now;

class SqliteTableWriter final : public admin::TableWriter {
 public:
  explicit SqliteTableWriter(Statement insert) : insert_(std::move(insert)) {}
  [[nodiscard]] Result<void> Add(SqlParams values) override {
    JAMMI_TRY(insert_.Bind(values));
    JAMMI_TRY(insert_.Finish());
    insert_.Reset();
    return {};
  }
  [[nodiscard]] Result<void> Finish() override { return {}; }

 private:
  Statement insert_;
};

class SqliteDatabase final : public admin::Database {
 public:
  SqliteDatabase(std::filesystem::path path, std::optional<LockFile> lock,
                 std::unique_ptr<Connection> connection)
      : path_(std::move(path)), lock_(std::move(lock)), connection_(std::move(connection)) {}

  [[nodiscard]] BackendKind kind() const override { return BackendKind::kSqlite; }

  [[nodiscard]] Result<void> Query(std::string_view sql, const Transaction::RowFn& row) override {
    JAMMI_ASSIGN(Statement statement, connection_->Prepare(sql));
    while (true) {
      JAMMI_ASSIGN(const bool there, statement.Step());
      if (!there) return {};
      JAMMI_ASSIGN(const bool more, row(statement));
      if (!more) return {};
    }
  }
  [[nodiscard]] Result<int64_t> Execute(std::string_view sql,
                                        std::initializer_list<SqlValue> params) override {
    JAMMI_TRY(connection_->Run(sql, params));
    return connection_->last_changes();
  }
  [[nodiscard]] Result<void> RunScript(const std::string& sql) override {
    return connection_->RunScript(sql);
  }
  [[nodiscard]] Result<void> BeginSnapshot() override {
    JAMMI_TRY(connection_->Run("BEGIN"));
    JAMMI_TRY(connection_->GetInt("SELECT count(*) FROM sqlite_schema"));  // it begins with the first read
    return {};
  }
  [[nodiscard]] Result<bool> HasTable(std::string_view name) override {
    JAMMI_ASSIGN(
        const int64_t tables,
        connection_->GetInt("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = $1", {name}));
    return tables > 0;
  }
  [[nodiscard]] std::vector<admin::KnownMigration> KnownMigrations() const override {
    std::vector<admin::KnownMigration> known;
    for (const Migration& migration : Migrations())
      known.push_back({migration.name, Sha256Hex(migration.sql)});
    return known;
  }
  [[nodiscard]] Result<std::vector<std::string>> Migrate(Purpose purpose) override {
    JAMMI_TRY(CheckIsCatalog(*connection_, Migrations(), path_.string()));
    JAMMI_ASSIGN(const admin::Mark mark, ReadMark(*connection_));
    if (purpose == Purpose::kUse) JAMMI_TRY(admin::CheckMayOpen(mark));
    return sqlite::Migrate(*connection_, Migrations(), Now());
  }
  [[nodiscard]] Result<std::string> EnsureIncarnation() override {
    return sqlite::EnsureIncarnation(*connection_, Now());
  }
  [[nodiscard]] Result<void> Describe(CatalogStatus& status) override;
  [[nodiscard]] Result<void> CheckStorage(const std::function<void(const CheckFinding&)>& found) override;

  [[nodiscard]] Result<void> LockOutEngines() override { return {}; }  // the lock of the file does
  [[nodiscard]] Result<void> LockForCopy() override {
    return connection_->RunScript("PRAGMA foreign_keys=OFF; PRAGMA cache_size=-65536");
  }
  [[nodiscard]] Result<void> MarkAsCopy(std::string_view source_incarnation) override;
  [[nodiscard]] Result<void> PrepareLoad() override { return {}; }  // see LockForCopy()
  [[nodiscard]] Result<std::unique_ptr<admin::TableWriter>> Write(const admin::Table& table) override;
  [[nodiscard]] Result<void> FinishLoad() override;

 private:
  const std::filesystem::path path_;
  std::optional<LockFile> lock_;  // outlives the connection
  std::unique_ptr<Connection> connection_;
};

Result<void> SqliteDatabase::Describe(CatalogStatus& status) {
  std::error_code error;
  status.bytes = std::filesystem::file_size(path_, error);
  if (error) return FromErrno(error.value(), fmt::format("looking at {}", path_.string()));
  const uintmax_t log = std::filesystem::file_size(path_.string() + "-wal", error);
  if (!error) status.bytes += log;
  JAMMI_ASSIGN(status.holder, LockFile::Holder(path_.string() + ".lock"));
  return {};
}

Result<void> SqliteDatabase::CheckStorage(const std::function<void(const CheckFinding&)>& found) {
  return Query("PRAGMA integrity_check(1000)", [&](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(const auto text, row.Get<std::string>("integrity_check"));
    if (text != "ok") found({path_.string(), text});
    return true;
  });
}

Result<void> SqliteDatabase::MarkAsCopy(std::string_view source_incarnation) {
  return InTransaction([&]() -> Result<void> {
    JAMMI_ASSIGN(const int64_t objects, connection_->GetInt("SELECT count(*) FROM sqlite_schema"));
    if (objects > 0) return admin::NotEmpty();
    JAMMI_TRY(ClaimFile(*connection_));
    JAMMI_TRY(connection_->Run(admin::kCreateMark));
    return connection_->Run(admin::kInsertMark,
                            {ToString(CatalogMark::kUnfinishedCopy), source_incarnation, Now()});
  });
}

Result<std::unique_ptr<admin::TableWriter>> SqliteDatabase::Write(const admin::Table& table) {
  std::string places;
  for (size_t i = 1; i <= table.columns.size(); ++i) places += fmt::format("{}${}", i == 1 ? "" : ", ", i);
  JAMMI_ASSIGN(Statement insert,
               connection_->Prepare(fmt::format("INSERT INTO {} ({}) VALUES ({})", table.name,
                                                admin::ColumnList(table), places)));
  return std::make_unique<SqliteTableWriter>(std::move(insert));
}

Result<void> SqliteDatabase::FinishLoad() {
  return Query("PRAGMA foreign_key_check", [](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(const auto table, row.Get<std::string>("table"));
    JAMMI_ASSIGN(const auto parent, row.Get<std::string>("parent"));
    return Error(CodeOf(BackendFault::kForeignKey),
                 fmt::format("a row of {} refers to one of {} that is not there", table, parent),
                 BackendDetail{BackendFault::kForeignKey, table, {}});
  });
}

// --- Opening

Result<std::optional<LockFile>> TakeLock(const std::filesystem::path& path, Access access) {
  if (access == Access::kLook) return std::optional<LockFile>();
  auto lock = LockFile::Take(path.string() + ".lock", Now());
  if (lock) return std::optional<LockFile>(std::move(*lock));
  const bool read_only = HasFault(lock.error(), BackendFault::kReadOnly);
  if (access == Access::kSource && read_only) return std::optional<LockFile>();  // there is no engine either
  return std::move(lock).error();
}

}  // namespace
}  // namespace sqlite

namespace admin {

Result<std::unique_ptr<Database>> OpenSqliteDatabase(const CatalogLocation& location, Access access) {
  JAMMI_ASSIGN(const auto path, sqlite::CanonicalPath(location.path));
  if (access == Access::kCreate) {
    JAMMI_TRY(sqlite::EnsureFolder(path.parent_path()));
  } else if (std::error_code error; !std::filesystem::exists(path, error)) {
    return Error(ErrorCode::kNotFound, fmt::format("there is no file {}", path.string()));
  }
  JAMMI_ASSIGN(auto lock, sqlite::TakeLock(path, access));
  const bool read = access == Access::kLook || access == Access::kSource;
  JAMMI_ASSIGN(auto connection,
               read ? sqlite::OpenToRead(path)
                    : sqlite::Connection::Open({.path = path.string(), .create = access == Access::kCreate}));
  if (!read) JAMMI_TRY(sqlite::CheckIsOurs(*connection, path.string()));
  return std::make_unique<sqlite::SqliteDatabase>(path, std::move(lock), std::move(connection));
}

}  // namespace admin
}  // namespace jammi
