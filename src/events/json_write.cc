#include "events/json_write.h"

#include <charconv>

namespace jammi::events {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kShortEscapes = "btnfr";
constexpr std::string_view kShortEscaped = "\b\t\n\f\r";

int HexValue(char digit) { return static_cast<int>(kHexDigits.find(digit)); }

}  // namespace

void AppendEscaped(std::string& out, char character) {
  out += '\\';
  if (character == '"' || character == '\\') {
    out += character;
    return;
  }
  if (const size_t at = kShortEscaped.find(character); at != std::string_view::npos) {
    out += kShortEscapes[at];
    return;
  }
  out += "u00";
  out += kHexDigits[static_cast<uint8_t>(character) >> 4];
  out += kHexDigits[static_cast<uint8_t>(character) & 15];
}

void AppendEscapedText(std::string& out, std::string_view text) {
  size_t run = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<uint8_t>(text[at]);
    if (kPlainInString[byte] || byte >= 0x80) continue;
    out.append(text, run, at - run);
    AppendEscaped(out, text[at]);
    run = at + 1;
  }
  out.append(text, run);
}

void AppendQuoted(std::string& out, std::string_view text) {
  out += '"';
  AppendEscapedText(out, text);
  out += '"';
}

std::string Unescaped(std::string_view written) {
  std::string text;
  text.reserve(written.size());
  for (size_t at = 0; at < written.size(); ++at) {
    if (written[at] != '\\' || at + 1 == written.size()) {
      text += written[at];
      continue;
    }
    const char escape = written[++at];
    if (const size_t known = kShortEscapes.find(escape); known != std::string_view::npos) {
      text += kShortEscaped[known];
    } else if (escape == 'u' && at + 4 < written.size()) {
      text += static_cast<char>(HexValue(written[at + 3]) << 4 | HexValue(written[at + 4]));
      at += 4;
    } else {
      text += escape;
    }
  }
  return text;
}

void AppendDouble(std::string& out, double value) {
  // The shortest digits that read as the same double, as "-d.ddde-xx".
  std::array<char, 32> buffer{};
  const auto made = std::to_chars(buffer.begin(), buffer.end(), value, std::chars_format::scientific);
  std::string_view text(buffer.data(), made.ptr);
  if (text.starts_with('-')) {
    out += '-';
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  std::string_view exponent_text = text.substr(e + 1);
  if (exponent_text.starts_with('+')) exponent_text.remove_prefix(1);  // from_chars() takes no plus
  int exponent = 0;
  std::from_chars(exponent_text.data(), exponent_text.data() + exponent_text.size(), exponent);
  const std::string_view mantissa = text.substr(0, e);
  const bool whole = mantissa.size() == 1;
  if (exponent < -5 || exponent >= 16) {
    out += mantissa;
    out += exponent < 0 ? "e" : "e+";
    out += std::to_string(exponent);
    return;
  }
  const char first = mantissa.front();
  const std::string_view rest = whole ? std::string_view() : mantissa.substr(2);
  if (exponent < 0) {
    out += "0.";
    out.append(static_cast<size_t>(-exponent - 1), '0');
    out += first;
    out += rest;
    return;
  }
  const auto before = static_cast<size_t>(exponent);  // digits of `rest` in front of the point
  out += first;
  out += rest.substr(0, before);
  if (rest.size() <= before) {
    out.append(before - rest.size(), '0');
    out += ".0";
  } else {
    out += '.';
    out += rest.substr(before);
  }
}

}  // namespace jammi::events
