// Sizes and durations as people write them.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace jammi {

// What is wrong with a text, as the end of a sentence that begins with the setting's name: "expected ...".
template <class T>
using Quantity = std::expected<T, std::string>;

// "16MiB", "1GB", "4096": units are KB, MB, GB, TB (powers of 1000) and KiB, MiB, GiB, TiB (powers of 1024),
// in either case.
[[nodiscard]] Quantity<int64_t> ParseSize(std::string_view text);
// The shortest text that ParseSize() reads back as the same number.
[[nodiscard]] std::string FormatSize(int64_t bytes);

// "250ms", "5s", "2m", "12h", "90d": a whole number and its unit, which is never left out.
[[nodiscard]] Quantity<std::chrono::milliseconds> ParseDuration(std::string_view text);
// The largest unit that says the same: "2m" for 120 s, "0ms".
[[nodiscard]] std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace jammi
