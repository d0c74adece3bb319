// What the model registry (jammi/models.h) shows to its tests and to other repositories: its statements,
// the tables that refer to models, and steps for the transactions of others.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "catalog/repo_statement.h"
#include "jammi/models.h"

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

// Checks of arguments, for verbs that pass them on to the steps below.
[[nodiscard]] Result<void> CheckModelKey(std::string_view field, std::string_view model_id,
                                         std::optional<int32_t> version);
[[nodiscard]] Result<void> CheckModel(const RegisterModelParams& params);

// --- Steps inside a transaction. Errors as those of the verb that is named.

// The version, or the highest: Models::GetVersion and Get, own before global.
[[nodiscard]] Result<ModelRecord> FindVisibleModel(Transaction& tx, const Scope& reader,
                                                   std::string_view model_id, std::optional<int32_t> version);
// The same, of this owner only.
[[nodiscard]] Result<ModelRecord> FindOwnedModel(Transaction& tx, const Scope& owner,
                                                 std::string_view model_id, std::optional<int32_t> version);
// By what a foreign key holds: kDataLoss when there is none.
[[nodiscard]] Result<ModelRecord> GetModelByUid(Transaction& tx, const ModelUid& uid);
// Models::RegisterNext, of checked parameters.
[[nodiscard]] Result<ModelRecord> RegisterNextModel(Transaction& tx, const Scope& owner,
                                                    const RegisterModelParams& params);
// Models::SetArtifactPath by what a foreign key holds, whatever the revision: exactly this row, or an error.
[[nodiscard]] Result<ModelRecord> SetModelArtifactPath(Transaction& tx, const ModelUid& uid,
                                                       std::string_view artifact_path);

}  // namespace jammi
