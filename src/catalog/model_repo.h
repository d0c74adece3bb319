// What the model registry (jammi/models.h) shows to its tests and to other repositories: its statements,
// and the tables that refer to models.
#pragma once

#include <span>
#include <string_view>

#include "catalog/repo_statement.h"

namespace jammi {

// Tables that refer to a model, in the order in which a refused deletion names them (CAT-009). A table
// with a foreign key to models belongs here, so that the database's own refusal is never reached.
struct ModelEdge {
  std::string_view name;    // as reported
  std::string_view table;   //
  std::string_view column;  // holds a model_uid
  std::string_view sql;     // returns a row if something refers to the model with uid $1
};
[[nodiscard]] std::span<const ModelEdge> ModelEdges();

// Every statement of the registry.
[[nodiscard]] std::span<const RepoStatement> ModelStatements();

}  // namespace jammi
