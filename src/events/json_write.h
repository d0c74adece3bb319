// Text and numbers in the written form of JsonData.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace jammi::events {

struct Event;

// For each byte, whether it stands in a JSON string as it is, and is ASCII.
inline constexpr auto kPlainInString = [] {
  std::array<bool, 256> plain{};
  for (size_t byte = 0x20; byte < 0x80; ++byte) plain[byte] = byte != '"' && byte != '\\';
  return plain;
}();

// The escape of `"`, `\` or a character below U+0020.
void AppendEscaped(std::string& out, char character);
// `text` without quotes; its bytes above 0x7f stand as they are.
void AppendEscapedText(std::string& out, std::string_view text);
// `"text"`
void AppendQuoted(std::string& out, std::string_view text);
// The text of a string in the written form, given without its quotes.
[[nodiscard]] std::string Unescaped(std::string_view written);

// `value` is finite.
void AppendDouble(std::string& out, double value);

// What Serialise() gives.
void AppendSerialised(std::string& out, const Event& event);

}  // namespace jammi::events
