// What the text of an attribute may be. All pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace jammi::events {

// A String of CloudEvents: UTF-8 without U+0000 to 001F, U+007F to 009F and noncharacters.
[[nodiscard]] bool IsAttributeText(std::string_view text);
// RFC 3986: a scheme, without the colon; a URI reference; with a scheme: a URI.
[[nodiscard]] bool IsScheme(std::string_view text);
[[nodiscard]] bool IsUriReference(std::string_view text);
[[nodiscard]] bool IsUri(std::string_view text);
// RFC 3339, with `T` and `Z` in either case, seconds up to 60 and any number of fraction digits.
[[nodiscard]] bool IsTimestamp(std::string_view text);
// RFC 2046: "type/subtype", with parameters or without.
[[nodiscard]] bool IsMediaType(std::string_view text);
// Whether data of this media type is JSON: "*/json" or "*/*+json" in any case, or none at all.
[[nodiscard]] bool IsJsonMediaType(const std::optional<std::string>& media_type);
// Lower-case letters and digits, at least one; not "data", nor a name that the standard has taken.
[[nodiscard]] bool IsExtensionName(std::string_view name);

}  // namespace jammi::events
