// The names of Arrow's types as the published clients spell them: "Int64", "Utf8", "Boolean".
#pragma once

#include <arrow/type_fwd.h>

#include <memory>
#include <string>
#include <string_view>

namespace jammi {

// Those that have no such name have Arrow's own text.
[[nodiscard]] std::string TypeName(const arrow::DataType& type);
// nullptr: none of the types that every topic and table may have has this name.
[[nodiscard]] std::shared_ptr<arrow::DataType> TypeOfName(std::string_view name);

}  // namespace jammi
