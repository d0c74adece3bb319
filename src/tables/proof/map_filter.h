// A filter, applied to a row in memory: what the databases are compared with.
#pragma once

#include <functional>
#include <optional>

#include "jammi/table_filter.h"
#include "tables/proof/values.h"

namespace jammi::proof {

// The value of a column of the row; a null scalar for null.
using CellOf = std::function<ScalarPtr(const std::string& column)>;

// nullopt: unknown. The values of the filter are scalars, but for prefixes.
[[nodiscard]] std::optional<bool> Evaluate(const TableFilter& filter, const CellOf& cell);

}  // namespace jammi::proof
