// What statements make of their rows: the value of one column, a list of them all.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "jammi/catalog_backend.h"

namespace jammi {

// For Transaction::QueryFirst(): the row's value of one column.
template <class T>
[[nodiscard]] auto ReadColumn(std::string_view name) {
  return [name](const Row& row) { return row.Get<T>(name); };
}

// For Transaction::Query(): appends to `values`, which must outlive the query, what `read`
// (Result<T>(const Row&)) makes of each row.
template <class T, class Read>
[[nodiscard]] auto AppendTo(std::vector<T>& values, Read read) {
  return [&values, read = std::move(read)](const Row& row) -> Result<bool> {
    JAMMI_ASSIGN(values.emplace_back(), read(row));
    return true;
  };
}

}  // namespace jammi
