// Who a catalog is and how far it has come: its ledger, its mark, its incarnation.
#pragma once

#include <string>
#include <vector>

#include "catalog/admin/database.h"

namespace jammi::admin {

// Every migration that the ledger or this build has, by name. Errors: kNotFound: there is no ledger.
[[nodiscard]] Result<std::vector<MigrationStatus>> ReadLedger(Database& database);

// Errors: kFailedPrecondition with BackendDetail(kMigration) for the first migration that is not applied as
// this build has it. `missing_too`: also for one that is only missing.
[[nodiscard]] Result<void> CheckLedger(const std::vector<MigrationStatus>& ledger, bool missing_too);

[[nodiscard]] Result<Mark> ReadMark(Database& database);

struct Identity {
  std::string incarnation;
  UnixMicros created_at = 0;
  int64_t format = 0;
};
// Empty when there is none yet.
[[nodiscard]] Result<Identity> ReadIdentity(Database& database);

}  // namespace jammi::admin
