// Arrow columns as DuckDB sees them: which types can be filtered, and how a batch's values get there.
#pragma once

#include <arrow/type_fwd.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "jammi/result.h"

namespace duckdb {
struct LogicalType;
class Vector;
}  // namespace duckdb

namespace jammi::predicate {

// What DuckDB takes a column of this type for; nullopt when it can be read but not filtered.
// docs/predicates.md has the table.
[[nodiscard]] std::optional<duckdb::LogicalType> FilterableType(const arrow::DataType& type);

// Values that had to be converted; grows to the largest vector seen. One a column and thread.
struct ColumnScratch {
  std::vector<uint64_t> values;
  std::vector<uint64_t> validity;
  std::vector<int64_t> picks;
};

// Lets `out` show rows [begin, begin + count) of `column`, whose type is filterable and which `out` was
// made for. Where the layouts agree nothing is copied: the column must outlive the use of `out`.
// `check_utf8`: text that is not UTF-8 is an error instead of being passed on.
// Errors: kFailedPrecondition with PredicateEvalDetail for a value that DuckDB cannot hold.
[[nodiscard]] Result<void> ShowColumn(const arrow::ArrayData& column, int64_t begin, int64_t count,
                                      bool check_utf8, ColumnScratch& scratch, duckdb::Vector& out);

// The error of a row that cannot be evaluated.
[[nodiscard]] Error EvalError(std::string message);

}  // namespace jammi::predicate
