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

template <class T>
constexpr std::string_view NameOf() {
  if constexpr (std::is_same_v<T, int64_t>) return "a 64-bit integer";
  if constexpr (std::is_same_v<T, int32_t>) return "a 32-bit integer";
  if constexpr (std::is_same_v<T, bool>) return "a boolean";
  if constexpr (std::is_same_v<T, double>) return "a floating point number";
  if constexpr (std::is_same_v<T, SqlBytes>) return "bytes";
  return "text";
}

}  // namespace

Result<int> Row::Column(std::string_view column, std::string_view wanted, Type type) const {
  const int index = Find(column);
  if (index < 0) return Error(ErrorCode::kInternal, fmt::format("the statement returns no column {}", column));
  const Type actual = TypeAt(index);
  if (actual == type) return index;
  constexpr std::string_view kNames[] = {"NULL", "an integer", "a floating point number", "text", "bytes"};
  return Mismatch(column, fmt::format("{}, expected {}", kNames[static_cast<size_t>(actual)], wanted));
}

template <class T>
Result<T> Row::Get(std::string_view column) const {
  if constexpr (IsOptional<T>::value) {
    using Value = typename T::value_type;
    const int index = Find(column);
    if (index >= 0 && TypeAt(index) == Type::kNull) return T(std::nullopt);
    JAMMI_ASSIGN(T value, Get<Value>(column));
    return value;
  } else if constexpr (std::is_same_v<T, double>) {
    JAMMI_ASSIGN(const int index, Column(column, NameOf<T>(), Type::kDouble));
    return DoubleAt(index);
  } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    JAMMI_ASSIGN(const int index, Column(column, NameOf<T>(), Type::kText));
    return T(TextAt(index));
  } else if constexpr (std::is_same_v<T, SqlBytes>) {
    JAMMI_ASSIGN(const int index, Column(column, NameOf<T>(), Type::kBytes));
    return BytesAt(index);
  } else {
    JAMMI_ASSIGN(const int index, Column(column, NameOf<T>(), Type::kInt));
    const int64_t value = IntAt(index);
    if (value < static_cast<int64_t>(std::numeric_limits<T>::min()) ||
        value > static_cast<int64_t>(std::numeric_limits<T>::max())) {
      return Mismatch(column, fmt::format("{} is out of range for {}", value, NameOf<T>()));
    }
    return static_cast<T>(value);
  }
}

#define JAMMI_ROW_GET(T)                                   \
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
