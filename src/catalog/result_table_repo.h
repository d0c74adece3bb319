// The statements by which result tables are read and deleted, for the test that looks at their plans.
#pragma once

#include <span>

#include "catalog/repo_statement.h"

namespace jammi {

[[nodiscard]] std::span<const RepoStatement> ResultTableStatements();
[[nodiscard]] std::span<const RepoStatement> LineageStatements();

}  // namespace jammi
