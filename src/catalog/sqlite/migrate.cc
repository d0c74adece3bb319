#include "catalog/sqlite/migrate.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>

#include "base/hash.h"
#include "base/log.h"
#include "jammi/ids.h"

namespace jammi::sqlite {
namespace {

constexpr int64_t kApplicationId = 0x4a616d6d;  // "Jamm"; tells `file` and us what this is
constexpr int64_t kFormat = 1;  // of the file as a whole; migrations change the schema within it

Error Refuse(std::string_view object, std::string message) {
  return Error(ErrorCode::kFailedPrecondition, std::move(message),
               BackendDetail{BackendFault::kMigration, std::string(object), {}});
}

// The names in the ledger, all of them known and unaltered. Empty when there is no ledger.
Result<std::set<std::string>> ReadLedger(Connection& connection, std::span<const Migration> migrations) {
  std::set<std::string> applied;
  JAMMI_ASSIGN(const int64_t ledgers,
               connection.GetInt("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_migrations'"));
  if (ledgers == 0) return applied;
  JAMMI_ASSIGN(Statement ledger,
               connection.Prepare("SELECT name, sha256 FROM schema_migrations ORDER BY name"));
  while (true) {
    JAMMI_ASSIGN(const bool row, ledger.Step());
    if (!row) return applied;
    JAMMI_ASSIGN(const auto name, ledger.Get<std::string>("name"));
    JAMMI_ASSIGN(const auto digest, ledger.Get<std::string>("sha256"));
    const auto known = std::ranges::find(migrations, std::string_view(name), &Migration::name);
    if (known == migrations.end()) {
      return Refuse(name,
                    fmt::format("the catalog was written by a newer version: migration {} is unknown", name));
    }
    if (Sha256Hex(known->sql) != digest) {
      return Refuse(name,
                    fmt::format("migration {} was applied with another text than this version has", name));
    }
    applied.insert(name);
  }
}

// Runs `step` in a transaction of its own.
Result<void> InTransaction(Connection& connection, const std::function<Result<void>()>& step) {
  JAMMI_TRY(connection.Run("BEGIN IMMEDIATE"));
  auto done = step();
  if (done) done = connection.Run("COMMIT");
  if (!done) connection.RollbackQuietly();
  return done;
}

Result<void> MakeLedger(Connection& connection) {
  return InTransaction(connection, [&]() -> Result<void> {
    JAMMI_TRY(ClaimFile(connection));
    return connection.Run(
        "CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL,"
        " applied_at BIGINT NOT NULL)");
  });
}

Result<void> Apply(Connection& connection, const Migration& migration, UnixMicros now) {
  return InTransaction(connection, [&]() -> Result<void> {
    JAMMI_TRY(connection.RunScript(migration.sql));
    return connection.Run("INSERT INTO schema_migrations (name, sha256, applied_at) VALUES ($1, $2, $3)",
                          {migration.name, Sha256Hex(migration.sql), now});
  });
}

}  // namespace

Result<void> ClaimFile(Connection& connection) {
  return connection.RunScript(
      fmt::format("PRAGMA application_id={}; PRAGMA user_version={}", kApplicationId, kFormat));
}

Result<void> CheckIsOurs(Connection& connection, std::string_view path) {
  JAMMI_ASSIGN(const int64_t application, connection.GetInt("PRAGMA application_id"));
  JAMMI_ASSIGN(const int64_t objects, connection.GetInt("SELECT count(*) FROM sqlite_schema"));
  if (application != kApplicationId && (application != 0 || objects > 0)) {
    return Refuse("application_id", fmt::format("{} is the database of another application", path));
  }
  return {};
}

Result<void> CheckIsCatalog(Connection& connection, std::span<const Migration> migrations,
                            std::string_view path) {
  JAMMI_TRY(CheckIsOurs(connection, path));
  JAMMI_ASSIGN(const int64_t format, connection.GetInt("PRAGMA user_version"));
  if (format > kFormat) {
    return Refuse("user_version",
                  fmt::format("{} has format {}, this version knows {}", path, format, kFormat));
  }
  JAMMI_TRY(ReadLedger(connection, migrations));
  return {};
}

Result<std::vector<std::string>> Migrate(Connection& connection, std::span<const Migration> migrations,
                                         UnixMicros now) {
  JAMMI_ASSIGN(const auto applied, ReadLedger(connection, migrations));
  if (applied.empty()) JAMMI_TRY(MakeLedger(connection));
  std::vector<std::string> added;
  for (const Migration& migration : migrations) {
    if (applied.contains(std::string(migration.name))) continue;
    if (auto done = Apply(connection, migration, now); !done) {
      return std::move(done).error().While(fmt::format("migration {}", migration.name));
    }
    added.emplace_back(migration.name);
  }
  return added;
}

Result<admin::Mark> ReadMark(Connection& connection) {
  JAMMI_ASSIGN(const int64_t marks,
               connection.GetInt("SELECT count(*) FROM sqlite_schema WHERE name = $1", {admin::kMarkTable}));
  if (marks == 0) return admin::Mark{};
  JAMMI_ASSIGN(Statement mark, connection.Prepare(admin::kReadMark));
  JAMMI_ASSIGN(const bool row, mark.Step());
  if (!row) return admin::ParseMark("", "");
  return admin::ParseMark(mark.Text(0), mark.Text(1));
}

Result<std::string> EnsureIncarnation(Connection& connection, UnixMicros now) {
  const std::string fresh = Uuid::RandomV4().ToString();
  const auto ensure = [&]() -> Result<void> {
    JAMMI_TRY(
        connection.Run("INSERT INTO catalog_identity (id, incarnation, created_at, format)"
                       " VALUES (1, $1, $2, $3) ON CONFLICT (id) DO NOTHING",
                       {fresh, now, kFormat}));
    JAMMI_ASSIGN(const admin::Mark mark, ReadMark(connection));
    if (mark.kind != CatalogMark::kBackup) return {};
    Log(LogLevel::kInfo, "catalog: a backup of {} was opened; its incarnation is {} from now on", mark.note,
        fresh);
    JAMMI_TRY(connection.Run("UPDATE catalog_identity SET incarnation = $1", {fresh}));
    return connection.Run(admin::kDropMark);
  };
  JAMMI_TRY(InTransaction(connection, ensure));
  JAMMI_ASSIGN(Statement identity,
               connection.Prepare("SELECT incarnation FROM catalog_identity WHERE id = 1"));
  JAMMI_TRY(identity.Step());
  return identity.Get<std::string>("incarnation");
}

}  // namespace jammi::sqlite
