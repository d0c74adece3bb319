#include "access/guarded_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace jammi {
namespace {

constexpr size_t kMaxFileBytes = 16 << 20;

Error Refused(ErrorCode code, const std::filesystem::path& path, std::string_view why) {
  return {code, fmt::format("{}: {}", path.string(), why)};
}

// Of the open file, so that it is the one that is read.
Result<void> CheckGuard(const struct stat& status, const std::filesystem::path& path) {
  const auto refuse = [&](std::string_view why) {
    return Refused(
        ErrorCode::kFailedPrecondition, path,
        fmt::format("{}; its mode is {:04o}, expected 0400, 0600 or 0640", why, status.st_mode & 07777U));
  };
  if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) return refuse("others may write it");
  if ((status.st_mode & S_IROTH) != 0) return refuse("everybody may read it");
  if (status.st_uid != 0 && status.st_uid != geteuid()) {
    return Refused(
        ErrorCode::kFailedPrecondition, path,
        fmt::format("it belongs to user {}, who is neither this process's nor root", status.st_uid));
  }
  return {};
}

Result<std::string> ReadAll(int file, const std::filesystem::path& path, FileGuard guard) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return Refused(ErrorCode::kUnavailable, path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Refused(ErrorCode::kFailedPrecondition, path, "it is no file");
  if (guard == FileGuard::kSecret) JAMMI_TRY(CheckGuard(status, path));
  std::string text;
  std::array<char, 16'384> buffer;
  while (true) {
    const ssize_t read = ::read(file, buffer.data(), buffer.size());
    if (read < 0 && errno == EINTR) continue;
    if (read < 0) return Refused(ErrorCode::kUnavailable, path, std::strerror(errno));
    if (read == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(read));
    if (text.size() > kMaxFileBytes) {
      return Refused(ErrorCode::kFailedPrecondition, path, "it is larger than 16 MiB");
    }
  }
}

}  // namespace

Result<std::string> ReadGuardedFile(const std::filesystem::path& path, FileGuard guard) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) {
    const auto code = errno == ENOENT || errno == ENOTDIR ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return Refused(code, path, std::strerror(errno));
  }
  auto text = ReadAll(file, path, guard);
  ::close(file);
  return text;
}

}  // namespace jammi
