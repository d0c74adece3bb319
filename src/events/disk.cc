#include "events/disk.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "events/sink_error.h"

namespace jammi::events {

ssize_t Disk::Write(int fd, const void* bytes, size_t count) { return write(fd, bytes, count); }

int Disk::Sync(int fd) { return fdatasync(fd); }

Disk& Disk::System() {
  static Disk disk;
  return disk;
}

File::~File() {
  if (fd_ >= 0) close(fd_);  // what matters has been synced
}

Error DiskError(int error_number, std::string_view doing) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT;
  return SinkError(full ? SinkFault::kSinkFull : SinkFault::kSpillFailed,
                   fmt::format("{}{}: {}", full ? "sink full: " : "", doing, std::strerror(error_number)));
}

Result<File> OpenFile(const std::filesystem::path& path, int flags) {
  File file(open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return DiskError(errno, fmt::format("opening {}", path.string()));
  return file;
}

Result<void> WriteAll(Disk& disk, const File& file, std::string_view bytes,
                      const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = disk.Write(file.fd(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    // A write of nothing would go on for ever.
    if (written <= 0) return DiskError(written < 0 ? errno : EIO, fmt::format("writing {}", path.string()));
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> SyncFile(Disk& disk, const File& file, const std::filesystem::path& path) {
  if (disk.Sync(file.fd()) != 0) return DiskError(errno, fmt::format("syncing {}", path.string()));
  return {};
}

Result<void> SyncDirectory(Disk& disk, const std::filesystem::path& directory) {
  JAMMI_ASSIGN(const File file, OpenFile(directory, O_RDONLY | O_DIRECTORY));
  return SyncFile(disk, file, directory);
}

Result<std::string> ReadAt(const File& file, uint64_t offset, size_t count,
                           const std::filesystem::path& path) {
  std::string bytes(count, '\0');
  size_t done = 0;
  while (done < count) {
    const ssize_t got =
        pread(file.fd(), bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return DiskError(errno, fmt::format("reading {}", path.string()));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<uint64_t> SizeOf(const File& file, const std::filesystem::path& path) {
  struct stat status {};
  if (fstat(file.fd(), &status) != 0) return DiskError(errno, fmt::format("looking at {}", path.string()));
  return static_cast<uint64_t>(status.st_size);
}

Result<File> LockFile(const std::filesystem::path& path, std::string_view what) {
  JAMMI_ASSIGN(File file, OpenFile(path, O_RDWR | O_CREAT));
  if (flock(file.fd(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return DiskError(errno, fmt::format("locking {}", path.string()));
  return SinkError(
      SinkFault::kSpillFailed,
      fmt::format("{} is in use by another process or sink; it holds the lock {}", what, path.string()));
}

}  // namespace jammi::events
