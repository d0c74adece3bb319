// The rows of a statement in bounded memory, on every database.
#pragma once

#include <optional>

#include "jammi/catalog_backend.h"
#include "tables/sql_text.h"

namespace jammi {

// Takes the rows of a stream.
class RowTaker {
 public:
  virtual ~RowTaker() = default;
  // False: it wants no more, this one included.
  [[nodiscard]] virtual Result<bool> Take(const Row& row) = 0;
  // About how many bytes there were in what it has taken.
  [[nodiscard]] virtual int64_t bytes() const = 0;
};

// Runs a SELECT and gives each of its rows to `taker`, in order; `most_rows`: it has a limit, of so many.
// SQLite gives row for row. On PostgreSQL it is a cursor, unless there are few rows; so many are fetched at
// once as come to about kFetchBytes by the rows before. One stream at a time in a transaction, which is not
// at READ COMMITTED if it only reads: there each statement would be one of its own.
[[nodiscard]] Result<void> StreamRows(Transaction& tx, BackendKind kind, const SqlText& select,
                                      std::optional<int64_t> most_rows, RowTaker& taker);

inline constexpr int64_t kFetchBytes = int64_t{1} << 20;
inline constexpr int64_t kFirstFetchRows = 128;
inline constexpr int64_t kMostFetchRows = 8192;

}  // namespace jammi
