#include "catalog/source_connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "catalog/arguments.h"
#include "catalog/enum_text.h"

namespace jammi {
namespace {

constexpr size_t kMaxUrlBytes = 4096;
constexpr size_t kMaxWordBytes = 64;  // file_extension, cloud
constexpr size_t kSourceConnectionMaxColumnBytes = 512;
constexpr size_t kMaxOptionNameBytes = 256;
constexpr size_t kMaxOptionsBytes = 64 << 10;

constexpr std::array<std::string_view, 3> kSourceConnectionTypeTexts = {"file", "postgres", "mysql"};
constexpr std::array<std::string_view, 4> kFormatTexts = {"parquet", "csv", "json", "avro"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsNameByte(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// `text` with each reference replaced and each `$$` a `$`. `field` is what it is called in an error.
Result<std::string> ReplaceReferences(std::string_view field, std::string_view text,
                                      const SecretLookup& lookup) {
  std::string out;
  while (true) {
    const size_t dollar = std::min(text.find('$'), text.size());
    out += text.substr(0, dollar);
    text.remove_prefix(dollar);
    if (text.empty()) return out;
    if (!text.starts_with("${")) {
      out += '$';
      text.remove_prefix(text.starts_with("$$") ? 2 : 1);
      continue;
    }
    text.remove_prefix(2);
    const auto name_end = std::ranges::find_if_not(text, IsNameByte);
    const std::string_view name(text.begin(), name_end);
    text.remove_prefix(name.size());
    if (name.empty() || IsDigit(name.front()) || !text.starts_with('}')) {
      return InvalidArgument(field, "has a '${' that a name and '}' do not follow; '$$' is a '$'");
    }
    text.remove_prefix(1);
    const auto secret = lookup(name);
    if (!secret) {
      return Error(ErrorCode::kFailedPrecondition,
                   fmt::format("{} refers to secret {}, which there is not for this source", field, name));
    }
    out += secret->Reveal();
  }
}

Result<void> CheckOptions(const std::map<std::string, Secret>& options) {
  size_t bytes = 0;
  for (const auto& [name, value] : options) {
    JAMMI_TRY(CheckText("name of an option", name, 1, kMaxOptionNameBytes));
    const std::string field = fmt::format("option {}", name);
    JAMMI_TRY(CheckText(field, value.Reveal(), 0, kMaxOptionsBytes));
    bytes += name.size() + value.Reveal().size();
  }
  if (bytes <= kMaxOptionsBytes) return {};
  return InvalidArgument("options", fmt::format("have {} bytes, more than {}", bytes, kMaxOptionsBytes));
}

// References are replaced by nothing, to see whether they are well formed.
Result<void> CheckReferences(const SourceConnection& connection) {
  JAMMI_TRY(ResolveSecrets(connection, [](std::string_view /*name*/) { return Secret(); }));
  return {};
}

}  // namespace

std::string_view ToString(SourceType type) { return TextOf(kSourceConnectionTypeTexts, type); }

Result<SourceType> ParseSourceType(std::string_view text) {
  if (const auto type = ValueOf<SourceType>(kSourceConnectionTypeTexts, text)) return *type;
  return Error(ErrorCode::kInvalidArgument, fmt::format("Invalid source_type: '{}'. Expected: {}", text,
                                                        fmt::join(kSourceConnectionTypeTexts, ", ")));
}

std::string_view ToString(FileFormat format) { return TextOf(kFormatTexts, format); }

Result<FileFormat> ParseFileFormat(std::string_view text) {
  if (const auto format = ValueOf<FileFormat>(kFormatTexts, text)) return *format;
  return Error(ErrorCode::kInvalidArgument,
               fmt::format("Unknown file format: '{}'. Expected: {}", text, fmt::join(kFormatTexts, ", ")));
}

std::ostream& operator<<(std::ostream& out, const SourceConnection& connection) {
  if (connection.format) out << ToString(*connection.format) << ", ";
  out << "url " << connection.url;
  const auto add = [&out](std::string_view name, const auto& value) {
    if (!value.empty()) out << ", " << name << " " << value;
  };
  add("file extension", connection.file_extension);
  add("cloud", connection.cloud);
  add("tenant column", connection.tenant_column);
  for (const auto& [name, value] : connection.options) out << ", " << name << "=" << value;
  return out;
}

Result<SourceConnection> ResolveSecrets(const SourceConnection& connection, const SecretLookup& lookup) {
  SourceConnection resolved = connection;
  JAMMI_ASSIGN(auto url, ReplaceReferences("url", connection.url.Reveal(), lookup));
  resolved.url = Secret(std::move(url));
  for (auto& [name, value] : resolved.options) {
    JAMMI_ASSIGN(auto text, ReplaceReferences(fmt::format("option {}", name), value.Reveal(), lookup));
    value = Secret(std::move(text));
  }
  return resolved;
}

Result<void> CheckConnection(SourceType type, const SourceConnection& connection) {
  if (connection.url.empty()) {
    return InvalidArgument("url", fmt::format("is empty; a {} source requires a URL", ToString(type)));
  }
  if (type == SourceType::kFile && !connection.format) {
    return InvalidArgument("format", "is absent; a file source requires a format");
  }
  if (connection.format && ToString(*connection.format).empty()) {
    return InvalidArgument("format", "is none of the known formats");
  }
  JAMMI_TRY(CheckText("url", connection.url.Reveal(), 1, kMaxUrlBytes));
  JAMMI_TRY(CheckText("file_extension", connection.file_extension, 0, kMaxWordBytes));
  JAMMI_TRY(CheckText("cloud", connection.cloud, 0, kMaxWordBytes));
  JAMMI_TRY(CheckText("tenant_column", connection.tenant_column, 0, kSourceConnectionMaxColumnBytes));
  JAMMI_TRY(CheckOptions(connection.options));
  return CheckReferences(connection);
}

std::string OptionsJson(const std::map<std::string, Secret>& options) {
  auto json = nlohmann::json::object();
  for (const auto& [name, value] : options) json[name] = value.Reveal();
  return json.dump();
}

Result<std::map<std::string, Secret>> ParseOptions(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const Error damaged(ErrorCode::kDataLoss, "column options_json is no JSON object of texts",
                      BackendDetail{BackendFault::kTypeConversion, "options_json", {}});
  if (!json.is_object()) return damaged;
  std::map<std::string, Secret> options;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_string()) return damaged;
    options.emplace(name, Secret(value.get<std::string>()));
  }
  return options;
}

}  // namespace jammi
