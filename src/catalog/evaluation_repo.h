// What the evaluation runs (jammi/evaluations.h) show to their tests.
#pragma once

#include <span>

#include "catalog/repo_statement.h"

namespace jammi {

// The statements whose plans matter.
[[nodiscard]] std::span<const RepoStatement> EvaluationStatements();

}  // namespace jammi
