// A filter in the words of SQL; the same words for every database.
#pragma once

#include <optional>

#include "jammi/table_filter.h"
#include "tables/sql_text.h"
#include "tables/table.h"

namespace jammi {

// Adds a condition, and its values. Errors: those that TableFilter speaks of.
[[nodiscard]] Result<void> AddFilter(const Table& table, const TableFilter& filter, SqlText& sql);

// The index that serves rows which are equal to the filter's values in most of its first columns; nullopt:
// none does, or the key does so too.
[[nodiscard]] std::optional<size_t> IndexForEquality(const Table& table, const TableFilter& filter);

}  // namespace jammi
