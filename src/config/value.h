// The values of settings between file, variable and Config: parsing, printing, and the formats of text.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace jammi {

enum class SettingType : uint8_t {
  kBool,
  kInteger,
  kSize,  // bytes: an integer, or text such as "16MiB"
  kFloat,
  kText,
  kPath,
  kChoice,    // text from a closed list
  kTextList,  //
  kTextMap,   // a table of texts
  kLimits,    // a table of tables of whole numbers or sizes
  kServices,  // "all" or a list of tiers
};

// One form for all types: bool; int64_t for kInteger and kSize; double; std::string for kText, kPath,
// kChoice and the "all" of kServices; a vector for the lists; a map.
using TextList = std::vector<std::string>;
using TextMap = std::map<std::string, std::string>;
using LimitTables = std::map<std::string, std::map<std::string, int64_t>>;
using SettingValue = std::variant<bool, int64_t, double, std::string, TextList, TextMap, LimitTables>;

// What is wrong with a value, as the end of a sentence that begins with the setting's name.
struct Complaint {
  std::string text;        // "expected true or false"
  std::string suggestion;  // what was probably meant; may be empty
};
template <class T>
using OrComplaint = std::expected<T, Complaint>;

// From the text of an environment variable. Nothing is trimmed but the items of lists.
// kTextMap and kLimits have no such form.
[[nodiscard]] OrComplaint<SettingValue> ParseValue(SettingType type, std::string_view text);

// As a TOML value: quoted, escaped, lists in brackets.
[[nodiscard]] std::string ToToml(SettingType type, const SettingValue& value);
// The inside of a TOML string in double quotes that reads back as exactly this UTF-8.
[[nodiscard]] std::string EscapeToml(std::string_view text);

// --- Formats of text settings. Each returns the complaint, or an empty text.

using TextCheck = std::string (*)(std::string_view);
[[nodiscard]] std::string CheckAddress(std::string_view text);      // "127.0.0.1:80", "[::1]:80"
[[nodiscard]] std::string CheckMemoryLimit(std::string_view text);  // "auto", "75%", a size
[[nodiscard]] std::string CheckLogFilter(std::string_view text);    // "info", "target=level,..."
[[nodiscard]] std::string CheckStorageUrl(std::string_view text);   // a path, or a URL of a known scheme
[[nodiscard]] std::string CheckPostgresUrl(std::string_view text);
[[nodiscard]] std::string CheckNotEmpty(std::string_view text);
[[nodiscard]] std::string CheckTenant(std::string_view text);  // a UUID, in lower case

// A checked address in its parts. REQUIRES: CheckAddress(text).empty()
struct SocketAddress {
  std::string host;  // as inet_ntop writes it
  uint16_t port = 0;
  bool any = false;  // 0.0.0.0 or ::
};
[[nodiscard]] SocketAddress ParseAddress(std::string_view text);

}  // namespace jammi
