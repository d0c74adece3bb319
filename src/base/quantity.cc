#include "base/quantity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <system_error>

#include "base/text.h"

namespace jammi {
namespace {

struct Unit {
  std::string_view name;
  int64_t factor;
};
// Largest first within each family; binary units first, so that 1 MiB does not print as 1048.576 KB.
constexpr std::array kSizeUnits = {
    Unit{"TiB", int64_t{1} << 40},
    Unit{"GiB", 1 << 30},
    Unit{"MiB", 1 << 20},
    Unit{"KiB", 1 << 10},
    Unit{"TB", 1'000'000'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"MB", 1'000'000},
    Unit{"KB", 1000},
    Unit{"B", 1},
};
// In milliseconds; largest first.
constexpr std::array kDurationUnits = {
    Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1000}, Unit{"ms", 1},
};

// A whole number and its unit. `default_unit`: of a number without one; empty: it needs one.
Quantity<int64_t> Parse(std::string_view text, std::span<const Unit> units, std::string_view default_unit,
                        std::string_view expected) {
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto name = Trim(text.substr(digits));
  if (name.empty()) name = default_unit;
  const auto unit =
      std::ranges::find_if(units, [&](const Unit& one) { return AsciiLower(one.name) == AsciiLower(name); });
  if (digits == 0 || unit == units.end()) return std::unexpected(std::string(expected));
  int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + digits, number);
  int64_t product = 0;
  if (parsed.ec != std::errc{} || __builtin_mul_overflow(number, unit->factor, &product)) {
    return std::unexpected("is out of range");
  }
  return product;
}

}  // namespace

Quantity<int64_t> ParseSize(std::string_view text) {
  return Parse(text, kSizeUnits, "B", "expected a number of bytes or text such as \"16MiB\" or \"1GB\"");
}

std::string FormatSize(int64_t bytes) {
  std::string shortest = fmt::format("{}", bytes);
  if (bytes <= 0) return shortest;
  for (const auto& unit : kSizeUnits) {
    if (unit.factor == 1 || bytes % unit.factor != 0) continue;
    auto text = fmt::format("{}{}", bytes / unit.factor, unit.name);
    if (text.size() <= shortest.size()) shortest = std::move(text);
  }
  return shortest;
}

Quantity<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto count =
      Parse(text, kDurationUnits, {}, "expected a duration such as \"250ms\", \"5s\" or \"2m\"");
  if (!count) return std::unexpected(count.error());
  return std::chrono::milliseconds(*count);
}

std::string FormatDuration(std::chrono::milliseconds duration) {
  if (duration.count() != 0) {
    for (const auto& unit : kDurationUnits) {
      if (duration.count() % unit.factor == 0)
        return fmt::format("{}{}", duration.count() / unit.factor, unit.name);
    }
  }
  return "0ms";
}

}  // namespace jammi
