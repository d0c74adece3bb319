#include "base/printable.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

#include "base/text.h"

namespace jammi {
namespace {

// Of the first character; of what is none, a byte of it.
size_t FirstSize(std::string_view text) {
  const auto lead = static_cast<uint8_t>(text.front());
  if (lead < 0x80) return 1;
  const std::string_view character = text.substr(0, lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2);
  return IsValidUtf8(character) ? character.size() : 1;
}

bool MayBeShown(std::string_view character) {
  const auto lead = static_cast<uint8_t>(character.front());
  if (character.size() == 1) return lead >= 0x20 && lead < 0x7f;
  return lead != 0xc2 || static_cast<uint8_t>(character[1]) >= 0xa0;  // U+0080 to U+009F are controls too
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view character = text.substr(0, FirstSize(text));
    if (MayBeShown(character)) {
      out += character;
    } else {
      for (const char byte : character)
        fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<uint8_t>(byte));
    }
    text.remove_prefix(character.size());
  }
  return out;
}

}  // namespace jammi
