// Brings a catalog database's schema up to date, or refuses it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "catalog/admin/mark.h"
#include "catalog/postgres/connection.h"
#include "catalog/postgres/schema.h"

namespace jammi::postgres {

// In microseconds, from the one clock that all processes share.
inline constexpr std::string_view kServerNow =
    "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";

// Advisory locks. They belong to the database, so catalogs in several of its schemas share them.
inline constexpr int64_t kMigrationLock = 0x4a616d6d69;     // "Jammi"; through a transaction of the ledger
inline constexpr int64_t kEngineLock = kMigrationLock + 1;  // shared, by every connection of an engine
inline constexpr int64_t kCopyLock = kMigrationLock + 2;    // while a copy is written

// What Migrate() may find.
enum class MigrateFor : uint8_t {
  kUse,   // a catalog that may be opened
  kCopy,  // an unfinished copy
};

// Applies what is missing, each step in a transaction of its own that holds an advisory lock, so that any
// number of processes may do this at once; the names of those it applied. Nothing is changed in a database
// that is refused.
// Errors: kFailedPrecondition with BackendDetail(kMigration, what), or with kUnfinishedCopy or kMoved; what
// the server says.
[[nodiscard]] Result<std::vector<std::string>> Migrate(Connection& connection,
                                                       std::span<const PgMigration> migrations,
                                                       MigrateFor purpose = MigrateFor::kUse);

[[nodiscard]] Result<bool> HasTable(Connection& connection, std::string_view name);
[[nodiscard]] Result<admin::Mark> ReadMark(Connection& connection);

// The catalog's incarnation; made on the first call.
[[nodiscard]] Result<std::string> EnsureIncarnation(Connection& connection);

}  // namespace jammi::postgres
