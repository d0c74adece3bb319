#include "cli/start_option.h"

#include <fmt/format.h>

#include <charconv>

namespace jammi {

Result<std::optional<uint64_t>> ParseStart(std::string_view text) {
  if (text == "begin") return std::optional<uint64_t>(0);
  if (text == "end") return std::optional<uint64_t>();
  uint64_t offset = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
  if (error != std::errc() || end != text.data() + text.size())
    return Error(ErrorCode::kInvalidArgument, fmt::format("'{}' is not begin, end or an offset", text));
  return std::optional(offset);
}

}  // namespace jammi
