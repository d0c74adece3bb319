// Brings a catalog file's schema up to date, or refuses it.
#pragma once

#include <span>
#include <string_view>

#include "catalog/migrations.h"
#include "catalog/sqlite/connection.h"
#include "jammi/clock.h"

namespace jammi::sqlite {

// Refuses, without changing anything, a file that is a database but no catalog, or whose ledger holds a
// migration that is not in `migrations` or has another text. `path` is for messages.
// Errors: kFailedPrecondition with BackendDetail(kMigration, what); what reading the file gives.
[[nodiscard]] Result<void> CheckIsCatalog(Connection& connection, std::span<const Migration> migrations,
                                          std::string_view path);

// Applies what is missing, each in a transaction of its own. The ledger is checked first.
[[nodiscard]] Result<void> Migrate(Connection& connection, std::span<const Migration> migrations, UnixMicros now);

// The catalog's incarnation; made on the first call.
[[nodiscard]] Result<std::string> EnsureIncarnation(Connection& connection, UnixMicros now);

}  // namespace jammi::sqlite
