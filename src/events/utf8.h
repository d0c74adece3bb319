// One code point of UTF-8 at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace jammi::events {

struct CodePoint {
  char32_t value = 0;
  int size = 0;  // bytes
};

// The code point that `text` begins with; nullopt: none, or its bytes are no UTF-8.
[[nodiscard]] inline std::optional<CodePoint> FirstCodePoint(std::string_view text) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  if (text.empty()) return std::nullopt;
  const uint8_t lead = byte(0);
  if (lead < 0x80) return CodePoint{lead, 1};
  const int size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < static_cast<size_t>(size)) return std::nullopt;
  char32_t value = lead & (0x7f >> size);
  for (int i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    value = value << 6 | (byte(i) & 0x3f);
  }
  const bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (overlong || surrogate || value > 0x10ffff) return std::nullopt;
  return CodePoint{value, size};
}

// `value` is a code point and no surrogate.
inline void AppendUtf8(std::string& out, char32_t value) {
  const auto add = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (value < 0x80) return add(value);
  if (value < 0x800) {
    add(0xc0 | value >> 6);
  } else if (value < 0x10000) {
    add(0xe0 | value >> 12);
    add(0x80 | (value >> 6 & 0x3f));
  } else {
    add(0xf0 | value >> 18);
    add(0x80 | (value >> 12 & 0x3f));
    add(0x80 | (value >> 6 & 0x3f));
  }
  add(0x80 | (value & 0x3f));
}

}  // namespace jammi::events
