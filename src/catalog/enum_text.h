// Enumerations as the texts that the catalog stores.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "jammi/catalog_backend.h"

namespace jammi {

// The text at the value's place; empty for a value that is none.
template <class Enum, size_t n>
std::string_view TextOf(const std::array<std::string_view, n>& texts, Enum value) {
  const auto index = static_cast<size_t>(value);
  return index < n ? texts[index] : std::string_view();
}

template <class Enum, size_t n>
std::optional<Enum> ValueOf(const std::array<std::string_view, n>& texts, std::string_view text) {
  const auto found = std::find(texts.begin(), texts.end(), text);
  if (found == texts.end()) return std::nullopt;
  return static_cast<Enum>(found - texts.begin());
}

// The column as `parse` understands it; kDataLoss with BackendDetail(kTypeConversion) when it does not.
template <class T>
Result<T> ReadEnum(const Row& row, std::string_view column, Result<T> (*parse)(std::string_view)) {
  JAMMI_ASSIGN(const auto text, row.Get<std::string_view>(column));
  auto value = parse(text);
  if (value) return value;
  return Error(ErrorCode::kDataLoss, fmt::format("column {}: {}", column, value.error().message()),
               BackendDetail{BackendFault::kTypeConversion, std::string(column), {}});
}

}  // namespace jammi
