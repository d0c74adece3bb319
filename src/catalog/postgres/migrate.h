// Brings a catalog database's schema up to date, or refuses it.
#pragma once

#include <span>
#include <string>

#include "catalog/postgres/connection.h"
#include "catalog/postgres/schema.h"

namespace jammi::postgres {

// Applies what is missing, each step in a transaction of its own that holds an advisory lock, so that any
// number of processes may do this at once. Nothing is changed in a database that is refused.
// Errors: kFailedPrecondition with BackendDetail(kMigration, what); what the server says.
[[nodiscard]] Result<void> Migrate(Connection& connection, std::span<const PgMigration> migrations);

// The catalog's incarnation; made on the first call.
[[nodiscard]] Result<std::string> EnsureIncarnation(Connection& connection);

}  // namespace jammi::postgres
