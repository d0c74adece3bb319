// Rows of result_tables, for all that reads or writes them.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/catalog_backend.h"
#include "jammi/result_tables.h"

// What ReadResultTable() reads, for SELECT and RETURNING; the table must go by its own name there.
#define JAMMI_RESULT_TABLE_COLUMNS                                                               \
  "scope, table_name, kind, source_id, model_uid, "                                              \
  "(SELECT name FROM models WHERE models.model_uid = result_tables.model_uid) AS model_id, "     \
  "task, parquet_path, dimensions, distance_metric, storage_precision, oversample, key_column, " \
  "text_columns, derived_scope, derived_from, status, checkpoint, row_count, definition_hash, "  \
  "inputs, created_at, completed_at"

namespace jammi {

// Fills `record`.
[[nodiscard]] Result<void> ReadResultTable(const Row& row, ResultTableRecord& record);

// The first row of a statement, if there is one.
[[nodiscard]] Result<std::optional<ResultTableRecord>> QueryResultTable(
    Transaction& tx, std::string_view sql, std::initializer_list<SqlValue> params);

// By key.
inline constexpr std::string_view kGetResultTable =
    "SELECT " JAMMI_RESULT_TABLE_COLUMNS " FROM result_tables WHERE scope = $1 AND table_name = $2";
[[nodiscard]] Result<std::optional<ResultTableRecord>> FindResultTable(Transaction& tx, const Scope& owner,
                                                                       std::string_view table_name);
// Own before global. Errors: kNotFound with ResultTableNotFoundDetail.
[[nodiscard]] Result<ResultTableRecord> FindVisibleResultTable(Transaction& tx, const Scope& reader,
                                                               std::string_view table_name);

[[nodiscard]] Error ResultTableNotFound(std::string_view table_name);
[[nodiscard]] Result<void> CheckResultTableName(std::string_view table_name);
[[nodiscard]] Result<void> CheckSourceId(std::string_view field, std::string_view source_id);

// Lists as the columns `text_columns` and `inputs` hold them: JSON.
[[nodiscard]] std::string ToJson(const std::vector<std::string>& texts);
[[nodiscard]] std::string ToJson(const std::vector<InputAnchor>& inputs);

}  // namespace jammi
