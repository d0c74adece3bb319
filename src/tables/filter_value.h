// What a filter compares a column with, as the column stores it.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "jammi/table_filter.h"
#include "tables/column_codec.h"

namespace jammi {

// A value that is owned.
struct StoredValue {
  std::variant<int64_t, double, std::string> value;
  SqlKind kind = SqlKind::kInteger;

  [[nodiscard]] SqlValue View() const;
};

// Errors: kInvalidArgument with TableDetail(kInvalidValue, column): null, or no value of the column's type.
[[nodiscard]] Result<StoredValue> StoreValue(const ColumnCodec& codec, const FilterValue& value);

// Is it a zero of a column of floats, of which there are two?
[[nodiscard]] bool IsFloatZero(const ColumnCodec& codec, const StoredValue& value);
// What the two are stored as: -0.0 directly before 0.0.
[[nodiscard]] std::pair<int64_t, int64_t> StoredZeros();

// The least text of valid UTF-8, or the least bytes, that are greater than all that begin with `prefix`;
// nullopt: nothing is.
[[nodiscard]] std::optional<std::string> AfterPrefix(SqlKind kind, std::string_view prefix);

}  // namespace jammi
