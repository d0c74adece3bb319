#include "catalog/sqlite/lock_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "base/text.h"
#include "catalog/sqlite/sqlite_error.h"

namespace jammi::sqlite {
namespace {

std::string HostName() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown";
}

// What the holder wrote. It may be writing just now: then little is known, and that is said.
CatalogLockedDetail ReadHolder(int fd, const std::filesystem::path& path) {
  std::array<char, 1024> text{};
  const ssize_t length = pread(fd, text.data(), text.size(), 0);
  CatalogLockedDetail holder{path.string(), 0, "unknown", "unknown"};
  const auto json =
      nlohmann::json::parse(text.data(), text.data() + std::max<ssize_t>(length, 0), nullptr, false);
  if (!json.is_object()) return holder;
  if (const auto pid = json.find("pid"); pid != json.end() && pid->is_number_integer()) holder.pid = *pid;
  if (const auto host = json.find("host"); host != json.end() && host->is_string()) holder.host = *host;
  if (const auto at = json.find("started_at"); at != json.end() && at->is_string()) holder.started_at = *at;
  return holder;
}

Result<void> WriteHolder(int fd, const std::filesystem::path& path, UnixMicros now) {
  const nlohmann::ordered_json holder = {
      {"pid", getpid()}, {"host", HostName()}, {"started_at", FormatUtc(now)}};
  const std::string text = holder.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  if (ftruncate(fd, 0) != 0) return FromErrno(errno, fmt::format("writing {}", path.string()));
  const ssize_t written = pwrite(fd, text.data(), text.size(), 0);
  if (written == static_cast<ssize_t>(text.size())) return {};
  return FromErrno(written < 0 ? errno : ENOSPC, fmt::format("writing {}", path.string()));
}

// Whoever looks at the lock holds it for a moment: that is waited for.
bool LockPatiently(int fd) {
  for (int tries = 10; tries > 0; --tries) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK || tries == 1) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

}  // namespace

Result<LockFile> LockFile::Take(const std::filesystem::path& path, UnixMicros now) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return FromErrno(errno, fmt::format("opening {}", path.string()));
  LockFile lock(fd);
  if (!LockPatiently(fd)) {
    if (errno != EWOULDBLOCK) return FromErrno(errno, fmt::format("locking {}", path.string()));
    CatalogLockedDetail holder = ReadHolder(fd, path);
    std::string message = fmt::format("the catalog is in use: {} is held by process {} on {} since {}",
                                      holder.lock_path, holder.pid, holder.host, holder.started_at);
    return Error(ErrorCode::kFailedPrecondition, std::move(message), std::move(holder));
  }
  JAMMI_TRY(WriteHolder(fd, path, now));
  return lock;
}

Result<std::optional<CatalogLockedDetail>> LockFile::Holder(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return std::optional<CatalogLockedDetail>();
  if (fd < 0) return FromErrno(errno, fmt::format("opening {}", path.string()));
  std::optional<CatalogLockedDetail> holder;
  if (flock(fd, LOCK_SH | LOCK_NB) != 0) holder = ReadHolder(fd, path);
  close(fd);
  return holder;
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

void LockFile::Release() {
  if (fd_ >= 0) close(std::exchange(fd_, -1));
}

}  // namespace jammi::sqlite
