#include "catalog/postgres/migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/hash.h"
#include "base/sync_point.h"
#include "catalog/backend_error.h"
#include "jammi/ids.h"

namespace jammi::postgres {
namespace {

constexpr int64_t kFormat = 1;

constexpr std::string_view kLedger =
    "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,"
    " sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)";

// Not to_regclass(): it may answer from a cache of before the lock was waited for.
constexpr std::string_view kIsThere =
    "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = $1 AND n.nspname = ANY (current_schemas(false)))";

Error Refuse(std::string_view object, std::string message) {
  return Error(ErrorCode::kFailedPrecondition, std::move(message),
               BackendDetail{BackendFault::kMigration, std::string(object), {}});
}

bool IsUndefinedColumn(const Error& error) { return HasNativeCode(error, "42703"); }

// The names in the ledger, all of them known and unaltered. Empty when there is no ledger.
Result<std::set<std::string>> ReadLedger(Connection& connection, std::span<const PgMigration> migrations) {
  std::set<std::string> applied;
  JAMMI_ASSIGN(const bool there, HasTable(connection, "schema_migrations"));
  if (!there) return applied;
  auto ledger = connection.RunOne("SELECT name, sha256 FROM schema_migrations ORDER BY name");
  if (!ledger && IsUndefinedColumn(ledger.error())) {
    return Refuse("schema_migrations", "the table schema_migrations is another application's");
  }
  if (!ledger) return std::move(ledger).error();
  for (int i = 0; i < ledger->rows(); ++i) {
    const std::string name(ledger->Text(i, 0));
    const auto known = std::ranges::find(migrations, std::string_view(name), &PgMigration::name);
    if (known == migrations.end()) {
      return Refuse(name,
                    fmt::format("the catalog was written by a newer version: migration {} is unknown", name));
    }
    if (Sha256Hex(known->sql) != ledger->Text(i, 1)) {
      return Refuse(name,
                    fmt::format("migration {} was applied with another text than this version has", name));
    }
    applied.insert(name);
  }
  return applied;
}

const PgMigration* FirstMissing(const std::set<std::string>& applied,
                                std::span<const PgMigration> migrations) {
  const auto missing = std::ranges::find_if(migrations, [&](const PgMigration& migration) {
    return !applied.contains(std::string(migration.name));
  });
  return missing == migrations.end() ? nullptr : &*missing;
}

Result<std::set<std::string>> CheckAndReadLedger(Connection& connection,
                                                 std::span<const PgMigration> migrations,
                                                 MigrateFor purpose) {
  if (purpose == MigrateFor::kUse) {
    JAMMI_ASSIGN(const admin::Mark mark, ReadMark(connection));
    JAMMI_TRY(admin::CheckMayOpen(mark));
  }
  return ReadLedger(connection, migrations);
}

// Under the lock, in an open transaction. Null: nothing was missing.
Result<const PgMigration*> ApplyNext(Connection& connection, std::span<const PgMigration> migrations,
                                     MigrateFor purpose) {
  JAMMI_ASSIGN(const auto applied, CheckAndReadLedger(connection, migrations, purpose));
  const PgMigration* next = FirstMissing(applied, migrations);
  if (next == nullptr) return next;
  JAMMI_TRY(connection.RunOne(kLedger));
  if (auto done = connection.RunScript(next->sql); !done) {
    return std::move(done).error().While(fmt::format("migration {}", next->name));
  }
  const std::string digest = Sha256Hex(next->sql);
  const std::string insert =
      fmt::format("INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ($1, $2, {})", kServerNow);
  JAMMI_TRY(connection.RunOne(insert, {next->name, digest}));
  return next;
}

}  // namespace

Result<bool> HasTable(Connection& connection, std::string_view name) {
  JAMMI_ASSIGN(const ResultSet there, connection.RunOne(kIsThere, {name}));
  return there.Int(0, 0) != 0;
}

Result<admin::Mark> ReadMark(Connection& connection) {
  JAMMI_ASSIGN(const bool marked, HasTable(connection, admin::kMarkTable));
  if (!marked) return admin::Mark{};
  JAMMI_ASSIGN(const ResultSet mark, connection.RunOne(admin::kReadMark));
  if (mark.rows() == 0) return admin::ParseMark("", "");
  return admin::ParseMark(mark.Text(0, 0), mark.Text(0, 1));
}

Result<std::vector<std::string>> Migrate(Connection& connection, std::span<const PgMigration> migrations,
                                         MigrateFor purpose) {
  std::vector<std::string> added;
  JAMMI_ASSIGN(const auto applied, CheckAndReadLedger(connection, migrations, purpose));
  bool more = FirstMissing(applied, migrations) != nullptr;
  while (more) {
    // READ COMMITTED whatever the server's default is: the ledger is read after the lock was waited for.
    const std::array<SqlValue, 1> lock = {kMigrationLock};
    const std::array<Statement, 2> begin = {{{"BEGIN ISOLATION LEVEL READ COMMITTED", {}},
                                             {"SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)", lock}}};
    JAMMI_TRY(connection.Run(begin));
    const auto apply = [&]() -> Result<const PgMigration*> {
      JAMMI_ASSIGN(const PgMigration* next, ApplyNext(connection, migrations, purpose));
      JAMMI_SYNC_POINT("catalog:migration_applied");
      JAMMI_TRY(connection.RunOne("COMMIT"));
      return next;
    };
    auto done = apply();
    if (!done) {
      if (!connection.lost()) connection.SendOnly("ROLLBACK");
      return std::move(done).error();
    }
    more = *done != nullptr;
    if (more) added.emplace_back((*done)->name);
  }
  return added;
}

Result<std::string> EnsureIncarnation(Connection& connection) {
  const std::string insert = fmt::format(
      "INSERT INTO catalog_identity (id, incarnation, created_at, format)"
      " VALUES (1, $1, {}, $2) ON CONFLICT (id) DO NOTHING",
      kServerNow);
  const std::string fresh = Uuid::RandomV4().ToString();
  JAMMI_TRY(connection.RunOne(insert, {fresh, kFormat}));
  JAMMI_ASSIGN(const ResultSet identity,
               connection.RunOne("SELECT incarnation FROM catalog_identity WHERE id = 1"));
  return std::string(identity.Text(0, 0));
}

}  // namespace jammi::postgres
