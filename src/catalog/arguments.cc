#include "catalog/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "jammi/catalog_access.h"

namespace jammi {
namespace {

// Whoever reads the text later may do so by recursion.
constexpr int kMaxJsonDepth = 128;

// Of text that is JSON.
int DepthOfJson(std::string_view json) {
  int depth = 0;
  int deepest = 0;
  bool in_text = false;
  for (size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (in_text && c == '\\') {
      ++i;
    } else if (c == '"') {
      in_text = !in_text;
    } else if (!in_text && (c == '{' || c == '[')) {
      deepest = std::max(deepest, ++depth);
    } else if (!in_text && (c == '}' || c == ']')) {
      --depth;
    }
  }
  return deepest;
}

Result<void> CheckCount(std::string_view field, int count) {
  if (count >= 1 && count <= kMaxPageSize) return {};
  return InvalidArgument(field, fmt::format("must be 1 to {}, not {}", kMaxPageSize, count));
}

}  // namespace

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
  if (!nlohmann::json::accept(text)) return InvalidArgument(field, "is not JSON");
  if (DepthOfJson(text) <= kMaxJsonDepth) return {};
  return InvalidArgument(field, fmt::format("is nested deeper than {} levels", kMaxJsonDepth));
}

Result<void> CheckJsonObject(std::string_view field, std::string_view text, size_t most) {
  JAMMI_TRY(CheckJson(field, text, most));
  const size_t first = text.find_first_not_of(" \t\r\n");
  return text[first] == '{' ? Result<void>() : InvalidArgument(field, "is not a JSON object");
}

Result<void> CheckPageSize(int page_size) { return CheckCount("page_size", page_size); }
Result<void> CheckLimit(int limit) { return CheckCount("limit", limit); }

}  // namespace jammi
