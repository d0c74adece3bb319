#include "catalog/sqlite/data_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "catalog/sqlite/sqlite_error.h"

namespace jammi::sqlite {

Result<void> SyncFolder(const std::filesystem::path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return FromErrno(errno, fmt::format("opening the folder {}", folder.string()));
  const int failed = fsync(fd) != 0 ? errno : 0;
  close(fd);
  if (failed != 0) return FromErrno(failed, fmt::format("syncing the folder {}", folder.string()));
  return {};
}

Result<void> EnsureFolder(const std::filesystem::path& folder) {
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return {};
  const std::filesystem::path parent = folder.parent_path();
  if (parent != folder) JAMMI_TRY(EnsureFolder(parent));
  if (!std::filesystem::create_directory(folder, error) && error) {
    return FromErrno(error.value(), fmt::format("creating the folder {}", folder.string()));
  }
  return SyncFolder(parent);
}

Result<std::filesystem::path> CanonicalPath(const std::filesystem::path& path) {
  if (path.empty() || !path.has_filename()) {
    return Error(ErrorCode::kInvalidArgument, fmt::format("'{}' names no catalog file", path.string()));
  }
  std::error_code error;
  auto canonical = std::filesystem::weakly_canonical(std::filesystem::absolute(path, error), error);
  if (error) return FromErrno(error.value(), fmt::format("finding {}", path.string()));
  return canonical;
}

}  // namespace jammi::sqlite
