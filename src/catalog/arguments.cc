#include "catalog/arguments.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "jammi/catalog_access.h"

namespace jammi {

Error InvalidArgument(std::string_view field, std::string_view why) {
  return Error(ErrorCode::kInvalidArgument, fmt::format("{} {}", field, why));
}

Result<void> CheckText(std::string_view field, std::string_view text, size_t least, size_t most) {
  if (text.size() < least || text.size() > most) {
    return InvalidArgument(field,
                           fmt::format("must be {} to {} bytes long, not {}", least, most, text.size()));
  }
  if (text.find('\0') != std::string_view::npos) return InvalidArgument(field, "must not hold U+0000");
  if (!IsValidUtf8(text)) return InvalidArgument(field, "is not valid UTF-8");
  return {};
}

Result<void> CheckOptionalText(std::string_view field, const std::optional<std::string>& text, size_t least,
                               size_t most) {
  return text ? CheckText(field, *text, least, most) : Result<void>();
}

Result<void> CheckJson(std::string_view field, std::string_view text, size_t most) {
  JAMMI_TRY(CheckText(field, text, 1, most));
  return nlohmann::json::accept(text) ? Result<void>() : InvalidArgument(field, "is not JSON");
}

Result<void> CheckJsonObject(std::string_view field, std::string_view text, size_t most) {
  JAMMI_TRY(CheckJson(field, text, most));
  const size_t first = text.find_first_not_of(" \t\r\n");
  return text[first] == '{' ? Result<void>() : InvalidArgument(field, "is not a JSON object");
}

Result<void> CheckPageSize(int page_size) {
  if (page_size >= 1 && page_size <= kMaxPageSize) return {};
  return InvalidArgument("page_size", fmt::format("must be 1 to {}, not {}", kMaxPageSize, page_size));
}

}  // namespace jammi
