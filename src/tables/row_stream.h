// The rows of a statement in bounded memory, on every database.
#pragma once

#include <functional>
#include <optional>

#include "jammi/catalog_backend.h"
#include "tables/sql_text.h"

namespace jammi {

// Takes a row and says about how many bytes it has; nullopt: it wants no more.
using StreamRowFn = std::function<Result<std::optional<int64_t>>(const Row& row)>;

// Runs a SELECT and calls `row` for each of its rows, in order; `most_rows`: it has a limit, of so many.
// SQLite gives row for row. On PostgreSQL it is a cursor, unless there are few rows; so many are fetched at
// once as come to about kFetchBytes by the rows before. One stream at a time in a transaction, which is not
// at READ COMMITTED if it only reads: there each statement would be one of its own.
[[nodiscard]] Result<void> StreamRows(Transaction& tx, BackendKind kind, const SqlText& select,
                                      std::optional<int64_t> most_rows, const StreamRowFn& row);

inline constexpr int64_t kFetchBytes = int64_t{1} << 20;
inline constexpr int64_t kFirstFetchRows = 128;
inline constexpr int64_t kMostFetchRows = 8192;

}  // namespace jammi
