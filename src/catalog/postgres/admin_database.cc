// A catalog database on a server as the tools see it.
#include <fmt/format.h>

#include <chrono>
#include <thread>
#include <utility>

#include "base/hash.h"
#include "catalog/admin/database.h"
#include "catalog/backend_error.h"
#include "catalog/postgres/connection.h"
#include "catalog/postgres/copy_writer.h"
#include "catalog/postgres/migrate.h"
#include "catalog/postgres/schema.h"
#include "catalog/postgres/url.h"

namespace jammi {
namespace postgres {
namespace {

constexpr auto kConnectWithin = std::chrono::seconds(30);

// What was taken from a target while it is loaded.
constexpr std::string_view kSavedKeys = "catalog_copy_foreign_keys";
constexpr std::string_view kFindKeyColumns =
    "SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) AS definition"
    " FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = "
    "c.relnamespace"
    " WHERE k.contype = 'f' AND n.nspname = current_schema() ORDER BY c.relname, k.conname";

Error Busy(std::string_view why) {
  return Error(ErrorCode::kFailedPrecondition, std::string(why), BackendDetail{BackendFault::kBusy, {}, {}});
}

bool IsOfCatalog(std::string_view name, std::span<const admin::Table> tables) {
  for (const admin::Table& table : tables) {
    if (table.name == name) return true;
  }
  return false;
}

class PgTableWriter final : public admin::TableWriter {
 public:
  explicit PgTableWriter(Connection& connection) : copy_(connection) {}
  [[nodiscard]] Result<void> Add(SqlParams values) override { return copy_.Add(values); }
  [[nodiscard]] Result<void> Finish() override { return copy_.Finish(); }

 private:
  CopyWriter copy_;
};

class PgDatabase final : public admin::Database {
 public:
  PgDatabase(std::unique_ptr<ConnectionOptions> options, std::unique_ptr<Connection> connection)
      : options_(std::move(options)), connection_(std::move(connection)) {}

  [[nodiscard]] BackendKind kind() const override { return BackendKind::kPostgres; }

  [[nodiscard]] Result<void> Query(std::string_view sql, const Transaction::RowFn& row) override {
    return connection_->Stream(std::string(sql), row);
  }
  [[nodiscard]] Result<int64_t> Execute(std::string_view sql,
                                        std::initializer_list<SqlValue> params) override {
    JAMMI_ASSIGN(const ResultSet done, connection_->RunOne(sql, params));
    return done.changes();
  }
  [[nodiscard]] Result<void> RunScript(const std::string& sql) override {
    return connection_->RunScript(sql);
  }
  [[nodiscard]] Result<void> BeginSnapshot() override {
    JAMMI_TRY(Execute("BEGIN ISOLATION LEVEL REPEATABLE READ", {}));
    return ReadByIndex();
  }
  [[nodiscard]] Result<bool> HasTable(std::string_view name) override {
    return postgres::HasTable(*connection_, name);
  }
  [[nodiscard]] std::vector<admin::KnownMigration> KnownMigrations() const override {
    std::vector<admin::KnownMigration> known;
    for (const PgMigration& migration : PostgresMigrations()) {
      known.push_back({migration.name, Sha256Hex(migration.sql)});
    }
    return known;
  }
  [[nodiscard]] Result<std::vector<std::string>> Migrate(Purpose purpose) override {
    return postgres::Migrate(*connection_, PostgresMigrations(),
                             purpose == Purpose::kUse ? MigrateFor::kUse : MigrateFor::kCopy);
  }
  [[nodiscard]] Result<std::string> EnsureIncarnation() override {
    return postgres::EnsureIncarnation(*connection_);
  }
  [[nodiscard]] Result<void> Describe(CatalogStatus& status) override;
  [[nodiscard]] Result<void> CheckStorage(const std::function<void(const CheckFinding&)>& found) override;

  [[nodiscard]] Result<void> LockOutEngines() override {
    return TryLock(kEngineLock, "engines are connected to the database; stop them first");
  }
  [[nodiscard]] Result<void> LockForCopy() override {
    JAMMI_TRY(TryLock(kCopyLock, "another copy into this database is running"));
    return ReadByIndex();
  }
  [[nodiscard]] Result<void> MarkAsCopy(std::string_view source_incarnation) override;
  [[nodiscard]] Result<void> PrepareLoad() override;
  [[nodiscard]] Result<std::unique_ptr<admin::TableWriter>> Write(const admin::Table& table) override {
    JAMMI_TRY(connection_->BeginCopyIn(
        fmt::format("COPY {} ({}) FROM STDIN (FORMAT binary)", table.name, admin::ColumnList(table))));
    return std::make_unique<PgTableWriter>(*connection_);
  }
  [[nodiscard]] Result<void> FinishLoad() override;

 private:
  // Whole tables in the order of their keys: to sort them first would fill the server's disk.
  [[nodiscard]] Result<void> ReadByIndex() {
    return RunScript("SET enable_sort = off; SET enable_seqscan = off");
  }
  [[nodiscard]] Result<void> TryLock(int64_t lock, std::string_view refusal) {
    // The server may not have noticed yet that a connection was closed.
    for (int tries = 100; tries > 0; --tries) {
      JAMMI_ASSIGN(const ResultSet locked, connection_->RunOne("SELECT pg_try_advisory_lock($1)", {lock}));
      if (locked.Int(0, 0) != 0) return {};
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return Busy(refusal);
  }

  const std::unique_ptr<ConnectionOptions> options_;  // outlives the connection
  std::unique_ptr<Connection> connection_;
};

Result<void> PgDatabase::Describe(CatalogStatus& status) {
  JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
  for (const admin::Table& table : tables) {
    JAMMI_ASSIGN(const bool there, HasTable(table.name));
    if (!there) continue;
    JAMMI_ASSIGN(const ResultSet size,
                 connection_->RunOne("SELECT pg_total_relation_size(CAST(CAST($1 AS TEXT) AS regclass))",
                                     {table.name}));
    status.bytes += static_cast<uint64_t>(size.Int(0, 0));
  }
  JAMMI_ASSIGN(
      const ResultSet engines,
      connection_->RunOne("SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
                          " WHERE locktype = 'advisory' AND d.datname = current_database() AND objsubid = 1"
                          " AND (CAST(classid AS BIGINT) << 32) + CAST(objid AS BIGINT) = $1"
                          " AND mode = 'ShareLock' AND granted",
                          {kEngineLock}));
  status.engine_connections = engines.Int(0, 0);
  return {};
}

Result<void> PgDatabase::CheckStorage(const std::function<void(const CheckFinding&)>& found) {
  return Query(
      "SELECT CAST(k.conrelid AS regclass)::text AS place, 'constraint ' || k.conname || ' was never "
      "validated' AS what"
      " FROM pg_constraint k JOIN pg_namespace n ON n.oid = k.connamespace"
      " WHERE n.nspname = current_schema() AND NOT k.convalidated"
      " UNION ALL SELECT CAST(i.indrelid AS regclass)::text, 'index ' || CAST(i.indexrelid AS "
      "regclass)::text ||"
      " ' is not valid' FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n"
      " ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND NOT i.indisvalid",
      [&](const Row& row) -> Result<bool> {
        CheckFinding finding;
        JAMMI_ASSIGN(finding.where, row.Get<std::string>("place"));
        JAMMI_ASSIGN(finding.what, row.Get<std::string>("what"));
        found(finding);
        return true;
      });
}

// --- Loading

Result<void> PgDatabase::MarkAsCopy(std::string_view source_incarnation) {
  return InTransaction([&]() -> Result<void> {
    JAMMI_TRY(connection_->RunOne("SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)", {kMigrationLock}));
    JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
    JAMMI_ASSIGN(bool taken, HasTable("schema_migrations"));
    for (const admin::Table& table : tables) {
      if (taken) break;
      JAMMI_ASSIGN(taken, HasTable(table.name));
    }
    if (taken) return admin::NotEmpty();
    JAMMI_TRY(Execute(admin::kCreateMark, {}));
    JAMMI_TRY(Execute(admin::kInsertMark,
                      {ToString(CatalogMark::kUnfinishedCopy), source_incarnation, admin::Now()}));
    return {};
  });
}

// Rows come table by table and batch by batch, so a row may come before the one it refers to. To switch
// foreign keys off takes a superuser; to drop one's own does not.
Result<void> PgDatabase::PrepareLoad() {
  JAMMI_TRY(
      RunScript(fmt::format("CREATE TABLE IF NOT EXISTS {} (table_name TEXT NOT NULL, name TEXT NOT NULL,"
                            " definition TEXT NOT NULL)",
                            kSavedKeys)));
  JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
  JAMMI_ASSIGN(const ResultSet keys, connection_->RunOne(kFindKeyColumns));
  for (int i = 0; i < keys.rows(); ++i) {
    if (!IsOfCatalog(keys.Text(i, 0), tables)) continue;
    JAMMI_TRY(Execute(fmt::format("INSERT INTO {} VALUES ($1, $2, $3)", kSavedKeys),
                      {keys.Text(i, 0), keys.Text(i, 1), keys.Text(i, 2)}));
    JAMMI_TRY(
        RunScript(fmt::format("ALTER TABLE {} DROP CONSTRAINT \"{}\"", keys.Text(i, 0), keys.Text(i, 1))));
  }
  return {};
}

Result<void> PgDatabase::FinishLoad() {
  JAMMI_TRY(RunScript("RESET enable_sort; RESET enable_seqscan"));
  JAMMI_ASSIGN(const ResultSet keys,
               connection_->RunOne(fmt::format("SELECT table_name, name, definition FROM {}", kSavedKeys)));
  for (int i = 0; i < keys.rows(); ++i) {
    JAMMI_TRY(RunScript(fmt::format("ALTER TABLE {} ADD CONSTRAINT \"{}\" {}", keys.Text(i, 0),
                                    keys.Text(i, 1), keys.Text(i, 2))));
  }
  JAMMI_TRY(RunScript(fmt::format("DROP TABLE {}", kSavedKeys)));
  JAMMI_ASSIGN(const auto tables, admin::CatalogTables());
  for (const admin::Table& table : tables) JAMMI_TRY(RunScript(fmt::format("ANALYZE {}", table.name)));
  return {};
}

}  // namespace
}  // namespace postgres

namespace admin {

// From what the driver made of the URL: a password may stand in any part of the text.
std::string DescribePostgres(const Secret& url) {
  std::string host = "localhost";
  std::string port = "5432";
  std::string database;
  const auto parameters = postgres::ParseUrl(url);
  if (!parameters) return "postgres://";
  for (const auto& [key, value] : *parameters) {
    if (key == "host") host = value;
    if (key == "port") port = value;
    if (key == "dbname") database = value;
  }
  return fmt::format("postgres://{}:{}/{}", host, port, database);
}

Result<std::unique_ptr<Database>> OpenPostgresDatabase(const CatalogLocation& location, Access access) {
  auto options = std::make_unique<postgres::ConnectionOptions>();
  JAMMI_ASSIGN(options->parameters, postgres::ParseUrl(location.url));
  JAMMI_ASSIGN(auto connection,
               postgres::Connection::Open(*options, Deadline::After(postgres::kConnectWithin)));
  JAMMI_TRY(
      connection->RunScript("SET standard_conforming_strings = on; SET statement_timeout = 0;"
                            " SET idle_in_transaction_session_timeout = 0"));
  if (access == Access::kLook || access == Access::kSource) {
    JAMMI_TRY(connection->RunScript("SET default_transaction_read_only = on"));
  }
  return std::make_unique<postgres::PgDatabase>(std::move(options), std::move(connection));
}

}  // namespace admin
}  // namespace jammi
