#include "jammi/position.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "base/hash.h"

namespace jammi {
namespace {

constexpr size_t kIdDigits = 32;

std::optional<Position> TakeApart(std::string_view text) {
  constexpr size_t kTopicAt = kIdDigits + 1;
  constexpr size_t kOffsetAt = kTopicAt + kIdDigits + 1;
  if (text.size() <= kOffsetAt) return std::nullopt;
  const auto incarnation = Uuid::Parse(text.substr(0, kIdDigits));
  const auto topic = Uuid::Parse(text.substr(kTopicAt, kIdDigits));
  uint64_t offset = 0;
  const auto parsed = std::from_chars(text.data() + kOffsetAt, text.data() + text.size(), offset);
  if (!incarnation || !topic || parsed.ec != std::errc()) return std::nullopt;
  return Position{*incarnation, TopicId(*topic), offset};
}

}  // namespace

std::string Position::ToString() const {
  const std::string text = fmt::format("{}-{}-{}", incarnation.ToHex(), topic.ToHex(), offset);
  const uint64_t checksum = Checksum({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  return fmt::format("{}-{:08x}", text, checksum & 0xffff'ffff);
}

Result<Position> Position::Parse(std::string_view text) {
  const auto position = TakeApart(text);
  // Written again it must be the same text, checksum included.
  if (position && position->ToString() == text) return *position;
  return Error(ErrorCode::kInvalidArgument, "the text is no position: it was cut, altered, or never was one");
}

}  // namespace jammi
