// Inside of the library: tables that go with their source, and statements for the test that looks at their
// plans.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"
#include "jammi/result_tables.h"

namespace jammi {

// The step of ResultTables::DeleteForSource() inside a transaction, which is to be run again as long as its
// error is one of TableWasAdded().
[[nodiscard]] Result<std::vector<DeletedResultTable>> DeleteTablesOfSource(Transaction& tx, BackendKind kind,
                                                                           const Scope& owner,
                                                                           std::string_view source_id);
// Others added a table after those that are there had been locked; nothing was removed.
[[nodiscard]] bool TableWasAdded(const Error& error);

[[nodiscard]] std::span<const RepoStatement> ResultTableStatements();
[[nodiscard]] std::span<const RepoStatement> LineageStatements();

}  // namespace jammi
