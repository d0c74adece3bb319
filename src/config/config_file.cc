#include "config/config_file.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

#include "base/text.h"
#include "config/environment.h"

namespace jammi {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFileBytes = 16 << 20;

Error FileError(ErrorCode code, std::string_view name, std::string_view problem) {
  return Error(code, fmt::format("configuration file {}: {}", name, problem),
               ConfigDetail{.file = std::string(name)});
}

Error Refuse(std::string_view name, std::string_view problem) {
  return FileError(ErrorCode::kInvalidArgument, name, problem);
}

std::string SystemMessage(int error) { return std::generic_category().message(error); }

// nullopt: there is no such file.
Result<std::optional<ConfigFile>> ReadFile(std::string name, const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), &std::fclose);
  if (file == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<ConfigFile>();
    return Refuse(name, fmt::format("cannot be opened: {}", SystemMessage(errno)));
  }
  std::string text;
  std::array<char, 65'536> buffer;
  while (const size_t read = std::fread(buffer.data(), 1, buffer.size(), file.get())) {
    text.append(buffer.data(), read);
    if (text.size() > kMaxFileBytes) return Refuse(name, "is larger than 16 MiB");
  }
  if (std::ferror(file.get()) != 0) {
    return Refuse(name, fmt::format("cannot be read: {}", SystemMessage(errno)));
  }
  if (!IsValidUtf8(text)) return Refuse(name, "is no UTF-8 text");
  return std::optional(ConfigFile{std::move(name), path.lexically_normal(), std::move(text)});
}

// A file that was asked for by name must be there.
Result<std::optional<ConfigFile>> ReadNamedFile(const std::string& name, const fs::path& path,
                                                std::string_view by) {
  JAMMI_ASSIGN(auto file, ReadFile(name, path));
  if (file) return file;
  return FileError(ErrorCode::kNotFound, name, fmt::format("no such file{}", by));
}

}  // namespace

Result<std::optional<ConfigFile>> FindConfigFile(const LoadOptions& options, const Environment& environment,
                                                 const fs::path& directory) {
  if (options.path) return ReadNamedFile(options.path->string(), directory / *options.path, "");
  if (const auto* named = FindVariable(environment, "JAMMI_CONFIG")) {
    return ReadNamedFile(*named, directory / *named, " (named by the variable JAMMI_CONFIG)");
  }
  JAMMI_ASSIGN(auto local, ReadFile("jammi.toml", directory / "jammi.toml"));
  if (local) return local;
  const auto platform = FindDirectories(ThisPlatform(), environment).config;
  if (!platform) return std::optional<ConfigFile>();
  const auto path = directory / *platform / "config.toml";
  return ReadFile(path.string(), path);
}

}  // namespace jammi
