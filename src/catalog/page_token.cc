#include "catalog/page_token.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <span>

#include "base/hash.h"
#include "base/text.h"
#include "catalog/arguments.h"

namespace jammi {
namespace {

constexpr size_t kChecksumDigits = 16;

std::optional<std::string> FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    uint8_t byte = 0;
    const auto [end, error] = std::from_chars(&hex[i], &hex[i] + 2, byte, 16);
    if (error != std::errc() || end != &hex[i] + 2) return std::nullopt;
    bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

// The number at the beginning, up to and with `end`.
template <class Int>
std::optional<Int> TakeInt(std::string_view& text, char end) {
  Int value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(stop - text.data()));
  if (!text.starts_with(end)) return std::nullopt;
  text.remove_prefix(1);
  return value;
}

std::optional<PageField> TakeField(std::string_view& text, char type) {
  if (type == 'i') return TakeInt<int64_t>(text, ' ');
  const auto size = TakeInt<size_t>(text, ':');
  if (!size || *size > text.size()) return std::nullopt;
  PageField field = std::string(text.substr(0, *size));
  text.remove_prefix(*size);
  return field;
}

std::optional<std::vector<PageField>> TakeFields(std::string_view text, std::string_view shape) {
  std::vector<PageField> position;
  for (const char type : shape) {
    auto field = TakeField(text, type);
    if (!field) return std::nullopt;
    position.push_back(std::move(*field));
  }
  return position;
}

}  // namespace

std::string EncodePageToken(std::string_view list, const std::vector<PageField>& position) {
  std::string text;
  for (const PageField& field : position) {
    if (const auto* number = std::get_if<int64_t>(&field)) {
      text += fmt::format("{} ", *number);
    } else {
      const auto& bytes = std::get<std::string>(field);
      text += fmt::format("{}:{}", bytes.size(), bytes);
    }
  }
  const std::string signed_text = fmt::format("{}/{}", list, text);
  const auto bytes = [](const std::string& of) {
    return std::span(reinterpret_cast<const uint8_t*>(of.data()), of.size());
  };
  return fmt::format("{:016x}{}", Checksum(bytes(signed_text)), ToHex(bytes(text)));
}

Result<std::vector<PageField>> DecodePageToken(std::string_view list, std::string_view shape,
                                               std::string_view token) {
  const auto text = FromHex(token.substr(std::min(kChecksumDigits, token.size())));
  auto position = text ? TakeFields(*text, shape) : std::nullopt;
  // Encoded again it must be the same text, checksum included.
  if (position && EncodePageToken(list, *position) == token) return std::move(*position);
  return InvalidArgument("page_token", "is none that this list has given");
}

}  // namespace jammi
