// Values of every type that a table can hold, and their order, for tests.
#pragma once

#include <arrow/scalar.h>
#include <arrow/type.h>

#include <memory>
#include <vector>

namespace jammi::proof {

using TypePtr = std::shared_ptr<arrow::DataType>;
using ScalarPtr = std::shared_ptr<arrow::Scalar>;

// One of each kind whose values have an order, in several units and widths; and of each that has none.
[[nodiscard]] const std::vector<TypePtr>& OrderedTypes();
[[nodiscard]] const std::vector<TypePtr>& OtherTypes();

// The ends of the type, what lies about zero, and the like; none is null. Of equal types the same ones.
[[nodiscard]] std::vector<ScalarPtr> EdgeValues(const TypePtr& type);

// Negative, 0 or positive. NaN equals NaN and comes last; -0.0 and 0.0 are equal, unless `zeros_differ`.
[[nodiscard]] int Order(const arrow::Scalar& a, const arrow::Scalar& b, bool zeros_differ = false);

}  // namespace jammi::proof
