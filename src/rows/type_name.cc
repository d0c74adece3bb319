#include "rows/type_name.h"

#include <arrow/api.h>

#include <array>
#include <utility>

namespace jammi {
namespace {

using Named = std::pair<std::string_view, std::shared_ptr<arrow::DataType>>;

const std::array<Named, 13>& Types() {
  static const std::array<Named, 13> types = {{{"Boolean", arrow::boolean()},
                                               {"Int8", arrow::int8()},
                                               {"Int16", arrow::int16()},
                                               {"Int32", arrow::int32()},
                                               {"Int64", arrow::int64()},
                                               {"UInt8", arrow::uint8()},
                                               {"UInt16", arrow::uint16()},
                                               {"UInt32", arrow::uint32()},
                                               {"UInt64", arrow::uint64()},
                                               {"Float32", arrow::float32()},
                                               {"Float64", arrow::float64()},
                                               {"Utf8", arrow::utf8()},
                                               {"Binary", arrow::binary()}}};
  return types;
}

}  // namespace

std::string TypeName(const arrow::DataType& type) {
  for (const auto& [name, named] : Types()) {
    if (named->Equals(type)) return std::string(name);
  }
  return type.ToString();
}

std::shared_ptr<arrow::DataType> TypeOfName(std::string_view name) {
  for (const auto& [known, type] : Types()) {
    if (known == name) return type;
  }
  return nullptr;
}

}  // namespace jammi
