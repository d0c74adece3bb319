// Brings a catalog file's schema up to date, or refuses it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/admin/mark.h"
#include "catalog/migrations.h"
#include "catalog/sqlite/connection.h"
#include "jammi/clock.h"

namespace jammi::sqlite {

// Refuses a file that is another application's database. An empty one may become a catalog.
// Errors: kFailedPrecondition with BackendDetail(kMigration); what reading the file gives.
[[nodiscard]] Result<void> CheckIsOurs(Connection& connection, std::string_view path);

// The same, and one of a newer format, or whose ledger holds a migration that is not in `migrations` or has
// another text. Nothing is changed; `path` is for messages.
// Errors: kFailedPrecondition with BackendDetail(kMigration, what); what reading the file gives.
[[nodiscard]] Result<void> CheckIsCatalog(Connection& connection, std::span<const Migration> migrations,
                                          std::string_view path);

// Applies what is missing, each in a transaction of its own; its names. The ledger is checked first.
[[nodiscard]] Result<std::vector<std::string>> Migrate(Connection& connection,
                                                       std::span<const Migration> migrations, UnixMicros now);

[[nodiscard]] Result<admin::Mark> ReadMark(Connection& connection);

// Says in the file itself that it is ours. Within a transaction.
[[nodiscard]] Result<void> ClaimFile(Connection& connection);

// The catalog's incarnation; made on the first call, and on the first for a backup, which is none then.
[[nodiscard]] Result<std::string> EnsureIncarnation(Connection& connection, UnixMicros now);

}  // namespace jammi::sqlite
