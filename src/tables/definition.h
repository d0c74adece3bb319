// Which definitions of tables there may be.
#pragma once

#include "jammi/tables.h"

namespace jammi {

// Who may use names that are the engine's.
enum class TableCreator : uint8_t {
  kUser,
  kEngine,  // ids with a reserved prefix, of up to kMaxInternalIdBytes; columns with a leading underscore
};
inline constexpr size_t kMaxInternalIdBytes = 128;

// MUT-001 and, for a user, MUT-006. Errors: kInvalidArgument with TableDetail(kInvalidId).
[[nodiscard]] Result<void> CheckTableId(std::string_view id, TableCreator creator);

// The definition as it is stored: its schema without metadata. Checks id, key, columns, order column,
// indexes, in this order (MUT-001..006). Errors: those of Tables::Create() for its argument.
[[nodiscard]] Result<TableDefinition> PrepareDefinition(const TableDefinition& definition,
                                                        TableCreator creator);

// The place of a column in the schema, by its exact name; -1: none.
[[nodiscard]] int FindColumn(const arrow::Schema& schema, std::string_view name);

// Names as a JSON array, and indexes as one of objects; and back. Errors: kDataLoss.
[[nodiscard]] std::string NamesToJson(const std::vector<std::string>& names);
[[nodiscard]] std::string IndexesToJson(const std::vector<TableIndex>& indexes);
[[nodiscard]] Result<std::vector<std::string>> NamesFromJson(std::string_view text);
[[nodiscard]] Result<std::vector<TableIndex>> IndexesFromJson(std::string_view text);

}  // namespace jammi
