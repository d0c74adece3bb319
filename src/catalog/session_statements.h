// The statements of session bindings whose plans matter.
#pragma once

#include <span>

#include "catalog/repo_statement.h"

namespace jammi {

[[nodiscard]] std::span<const RepoStatement> SessionStatements();

}  // namespace jammi
