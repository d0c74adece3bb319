// Numbers as they are written in a predicate.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jammi::predicate {

struct Number {
  bool integer = false;  // neither point nor exponent
  bool exact = false;    // no exponent: `digits`, `whole` and `scale` are set
  std::string digits;    // without leading zeros, and trailing ones behind the point
  int whole = 0;         // digits before the point
  int scale = 0;         // and behind it
  double value = 0;      // the nearest
};

// nullopt: `text` is no number, or none that a DOUBLE can come near to.
[[nodiscard]] std::optional<Number> ReadNumber(std::string_view text);

}  // namespace jammi::predicate
