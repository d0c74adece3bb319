// What the training jobs (jammi/jobs.h) show to their tests: their statements, which differ between the
// databases only in that PostgreSQL locks the rows that a transaction reads in order to change them.
#pragma once

#include <vector>

#include "catalog/repo_statement.h"
#include "jammi/catalog_backend.h"

namespace jammi {

[[nodiscard]] std::vector<RepoStatement> TrainingJobStatements(BackendKind kind);
[[nodiscard]] std::vector<RepoStatement> JobQueueStatements(BackendKind kind);

}  // namespace jammi
