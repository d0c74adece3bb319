#include "predicate/number.h"

#include <fmt/format.h>

#include <charconv>

namespace jammi::predicate {

std::optional<Number> ReadNumber(std::string_view text) {
  Number number;
  const bool negative = text.starts_with('-');
  std::string_view rest = text.substr(negative ? 1 : 0);
  if (rest.empty() || rest.find_first_not_of("0123456789.eE+-") != std::string_view::npos)
    return std::nullopt;
  const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number.value);
  if (error != std::errc() || end != rest.data() + rest.size()) return std::nullopt;
  if (negative) number.value = -number.value;

  number.exact = rest.find_first_of("eE") == std::string_view::npos;
  number.integer = rest.find_first_of(".eE") == std::string_view::npos;
  if (!number.exact) return number;
  const size_t point = rest.find('.');
  std::string_view whole = rest.substr(0, point);
  std::string_view fraction = point == std::string_view::npos ? "" : rest.substr(point + 1);
  while (whole.starts_with('0')) whole.remove_prefix(1);
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  number.whole = static_cast<int>(whole.size());
  number.scale = static_cast<int>(fraction.size());
  number.digits = fmt::format("{}{}{}{}", negative ? "-" : "", whole.empty() ? "0" : whole,
                              fraction.empty() ? "" : ".", fraction);
  return number;
}

}  // namespace jammi::predicate
