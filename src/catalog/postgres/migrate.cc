#include "catalog/postgres/migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/hash.h"
#include "base/sync_point.h"
#include "jammi/ids.h"

namespace jammi::postgres {
namespace {

constexpr int64_t kLock = 0x4a616d6d69;  // "Jammi"; one lock for all catalogs of a database
constexpr int64_t kFormat = 1;

// In microseconds, from the one clock that all processes share.
constexpr std::string_view kNow = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

constexpr std::string_view kLedger =
    "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT COLLATE \"C\" NOT NULL PRIMARY KEY,"
    " sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)";

// Not to_regclass(): it may answer from a cache of before the lock was waited for.
constexpr std::string_view kIsThere =
    "SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE c.relname = 'schema_migrations' AND n.nspname = ANY (current_schemas(false)))";

Error Refuse(std::string_view object, std::string message) {
  return Error(ErrorCode::kFailedPrecondition, std::move(message),
               BackendDetail{BackendFault::kMigration, std::string(object), {}});
}

bool IsUndefinedColumn(const Error& error) {
  const auto* detail = error.As<BackendDetail>();
  return detail != nullptr && detail->native_code == "42703";
}

// The names in the ledger, all of them known and unaltered. Empty when there is no ledger.
Result<std::set<std::string>> ReadLedger(Connection& connection, std::span<const PgMigration> migrations) {
  std::set<std::string> applied;
  JAMMI_ASSIGN(const ResultSet there, connection.RunOne(kIsThere));
  if (there.Int(0, 0) == 0) return applied;
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

// Under the lock, in an open transaction. False: nothing was missing.
Result<bool> ApplyNext(Connection& connection, std::span<const PgMigration> migrations) {
  JAMMI_ASSIGN(const auto applied, ReadLedger(connection, migrations));
  const PgMigration* next = FirstMissing(applied, migrations);
  if (next == nullptr) return false;
  JAMMI_TRY(connection.RunOne(kLedger));
  if (auto done = connection.RunScript(next->sql); !done) {
    return std::move(done).error().While(fmt::format("migration {}", next->name));
  }
  const std::string digest = Sha256Hex(next->sql);
  const std::string insert =
      fmt::format("INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ($1, $2, {})", kNow);
  JAMMI_TRY(connection.RunOne(insert, {next->name, digest}));
  return true;
}

}  // namespace

Result<void> Migrate(Connection& connection, std::span<const PgMigration> migrations) {
  JAMMI_ASSIGN(const auto applied, ReadLedger(connection, migrations));
  bool more = FirstMissing(applied, migrations) != nullptr;
  while (more) {
    // READ COMMITTED whatever the server's default is: the ledger is read after the lock was waited for.
    const std::array<SqlValue, 1> lock = {kLock};
    const std::array<Statement, 2> begin = {{{"BEGIN ISOLATION LEVEL READ COMMITTED", {}},
                                             {"SELECT CAST(pg_advisory_xact_lock($1) AS TEXT)", lock}}};
    JAMMI_TRY(connection.Run(begin));
    auto applied_one = ApplyNext(connection, migrations);
    if (applied_one) JAMMI_SYNC_POINT("catalog:migration_applied");
    if (applied_one)
      applied_one = [&]() -> Result<bool> {
        JAMMI_TRY(connection.RunOne("COMMIT"));
        return *applied_one;
      }();
    if (!applied_one) {
      if (!connection.lost()) connection.SendOnly("ROLLBACK");
      return std::move(applied_one).error();
    }
    more = *applied_one;
  }
  return {};
}

Result<std::string> EnsureIncarnation(Connection& connection) {
  const std::string insert = fmt::format(
      "INSERT INTO catalog_identity (id, incarnation, created_at, format)"
      " VALUES (1, $1, {}, $2) ON CONFLICT (id) DO NOTHING",
      kNow);
  const std::string fresh = Uuid::RandomV4().ToString();
  JAMMI_TRY(connection.RunOne(insert, {fresh, kFormat}));
  JAMMI_ASSIGN(const ResultSet identity,
               connection.RunOne("SELECT incarnation FROM catalog_identity WHERE id = 1"));
  return std::string(identity.Text(0, 0));
}

}  // namespace jammi::postgres
