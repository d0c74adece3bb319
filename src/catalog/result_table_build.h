// Builds of result tables: the writes that a lease guards, as steps inside a transaction, so that a builder
// (jammi/result_tables.h) and whoever takes over an abandoned build (catalog/build_recovery.h) write alike.
#pragma once

#include <span>
#include <string_view>

#include "catalog/changes.h"
#include "catalog/repo_statement.h"
#include "jammi/result_tables.h"

namespace jammi {

[[nodiscard]] std::span<const RepoStatement> BuildStatements();

[[nodiscard]] Result<void> CheckManifest(const ResultTableManifest& manifest);

// Building becomes ready. The change is recorded with `verb`. Errors: kFailedPrecondition with
// LeaseLostDetail; kNotFound with ResultTableNotFoundDetail.
[[nodiscard]] Result<ResultTableRecord> PromoteBuild(Transaction& tx, const Scope& owner,
                                                     std::string_view table_name, const LeaseToken& token,
                                                     const ResultTableManifest& manifest, ChangeVerb verb);

// Building becomes failed. The same errors.
[[nodiscard]] Result<ResultTableRecord> FailBuild(Transaction& tx, const Scope& owner,
                                                  std::string_view table_name, const LeaseToken& token,
                                                  ChangeVerb verb);

// Why a write with `token` met no row: kNotFound or LeaseLost, as above.
[[nodiscard]] Error WhyNoBuild(Transaction& tx, const Scope& owner, std::string_view table_name,
                               const LeaseToken& token);

[[nodiscard]] Result<void> RecordTableChange(Transaction& tx, ChangeVerb verb, const Scope& owner,
                                             std::string_view table_name);

}  // namespace jammi
