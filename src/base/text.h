// Small text helpers that more than one folder needs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "jammi/clock.h"

namespace jammi {

// "2026-01-02T03:04:05.123456Z"
[[nodiscard]] std::string FormatUtc(UnixMicros time);
// The candidate nearest to `given` by edit distance, if near enough to be a slip; else "".
[[nodiscard]] std::string Nearest(std::string_view given, std::span<const std::string_view> candidates);
[[nodiscard]] std::string_view Trim(std::string_view text);
[[nodiscard]] bool IsValidUtf8(std::string_view text);
// A to Z in lower case; all else as it is.
[[nodiscard]] std::string AsciiLower(std::string_view text);

}  // namespace jammi
