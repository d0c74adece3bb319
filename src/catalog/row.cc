// Row::Get: one strict reading of each type, for every backend.
#include <fmt/format.h>

#include <limits>

#include "jammi/catalog_backend.h"

namespace jammi {
namespace {

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

Error Mismatch(std::string_view column, std::string_view detail) {
  return Error(ErrorCode::kDataLoss, fmt::format("column {}: {}", column, detail),
               BackendDetail{BackendFault::kTypeConversion, std::string(column), {}});
}

Error NoColumn(std::string_view column) {
  return Error(ErrorCode::kInternal, fmt::format("the statement returns no column {}", column));
}

template <class T>
constexpr std::string_view NameOf() {
  if constexpr (std::is_same_v<T, int64_t>) return "a 64-bit integer";
  if constexpr (std::is_same_v<T, int32_t>) return "a 32-bit integer";
  if constexpr (std::is_same_v<T, bool>) return "a boolean";
  if constexpr (std::is_same_v<T, double>) return "a floating point number";
  if constexpr (std::is_same_v<T, SqlBytes>) return "bytes";
  return "text";
}

// As which of its kinds a value of type T is stored.
template <class T>
struct StoredAs {
  using Type = int64_t;
};
template <>
struct StoredAs<double> {
  using Type = double;
};
template <>
struct StoredAs<std::string> {
  using Type = std::string_view;
};
template <>
struct StoredAs<std::string_view> {
  using Type = std::string_view;
};
template <>
struct StoredAs<SqlBytes> {
  using Type = SqlBytes;
};

Error WrongType(std::string_view column, const SqlValue::Variant& cell, std::string_view wanted) {
  constexpr std::string_view kNames[] = {"NULL", "an integer", "a floating point number", "text", "bytes"};
  return Mismatch(column, fmt::format("{}, expected {}", kNames[cell.index()], wanted));
}

template <class T>
Result<T> Convert(std::string_view column, const SqlValue::Variant& cell) {
  using Stored = typename StoredAs<T>::Type;
  const auto* value = std::get_if<Stored>(&cell);
  if (value == nullptr) return WrongType(column, cell, NameOf<T>());
  if constexpr (std::is_same_v<Stored, int64_t>) {
    if (*value < static_cast<int64_t>(std::numeric_limits<T>::min()) ||
        *value > static_cast<int64_t>(std::numeric_limits<T>::max())) {
      return Mismatch(column, fmt::format("{} is out of range for {}", *value, NameOf<T>()));
    }
  }
  return static_cast<T>(*value);
}

}  // namespace

template <class T>
Result<T> Row::Get(std::string_view column) const {
  Cell cell;
  if (!Read(column, cell)) return NoColumn(column);
  if constexpr (IsOptional<T>::value) {
    if (std::holds_alternative<std::monostate>(cell)) return T(std::nullopt);
    auto value = Convert<typename T::value_type>(column, cell);
    if (!value) return std::move(value).error();
    return T(*std::move(value));
  } else {
    return Convert<T>(column, cell);
  }
}

#define JAMMI_ROW_GET(T)                                  \
  template Result<T> Row::Get<T>(std::string_view) const; \
  template Result<std::optional<T>> Row::Get<std::optional<T>>(std::string_view) const
JAMMI_ROW_GET(int64_t);
JAMMI_ROW_GET(int32_t);
JAMMI_ROW_GET(bool);
JAMMI_ROW_GET(double);
JAMMI_ROW_GET(std::string);
JAMMI_ROW_GET(std::string_view);
JAMMI_ROW_GET(SqlBytes);
#undef JAMMI_ROW_GET

}  // namespace jammi
