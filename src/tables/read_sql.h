// What statements that read a table have in common.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "jammi/table_filter.h"
#include "tables/sql_text.h"
#include "tables/table.h"

namespace jammi {

// The place of a column. Errors: kInvalidArgument with TableDetail(kSchema, column): there is none.
[[nodiscard]] Result<size_t> PlaceOf(const Table& table, std::string_view column);
// Of columns to be read; none named: all. Errors: also kInvalidArgument: one is named twice.
[[nodiscard]] Result<std::vector<size_t>> PlacesOf(const Table& table, std::span<const std::string> columns);

// "c0, c3"
[[nodiscard]] std::string NamesOf(const Table& table, std::span<const size_t> places);

// "mt_7 ...", where a statement names the table whose rows of this filter it is about. SQLite, which does not
// know how many rows there are of a value, is told to use the index of a column that is to be equal to one;
// else it reads the key's from end to end.
[[nodiscard]] std::string StorageFor(const Table& table, BackendKind kind, const TableFilter& filter);
// " FROM mt_7 ... WHERE "
[[nodiscard]] std::string FromTable(const Table& table, BackendKind kind, const TableFilter& filter);

// May the reader see rows of others in the table, global ones? Nobody else writes in a tenant's own table.
[[nodiscard]] bool SeesTwoOwners(const Table& table, const Scope& reader);
// Adds the condition that a row is the reader's or global.
void AddVisible(const Table& table, const Scope& reader, SqlText& sql);

// The columns at `places` of the row with that key; of the reader's own one, where there is a global one too.
// Errors: kInvalidArgument: not as many values as the key has columns; with TableDetail(kInvalidValue).
[[nodiscard]] Result<SqlText> RowByKey(const Table& table, const Scope& reader,
                                       std::span<const FilterValue> key, std::span<const size_t> places);
// The same in one statement with the question which table its id means: behind the columns come `found`, null
// where there is no such row, and `n`, that table's number. No row at all: the id means none.
[[nodiscard]] Result<SqlText> RowByKeyOfId(const Table& table, const Scope& reader,
                                           std::span<const FilterValue> key, std::span<const size_t> places);
// How many rows that the reader sees match, as "n". Errors: those of the filter.
[[nodiscard]] Result<SqlText> CountOf(const Table& table, BackendKind kind, const Scope& reader,
                                      const TableFilter& filter);

}  // namespace jammi
