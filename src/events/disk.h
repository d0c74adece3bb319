// What the sinks of this folder ask of a file system.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "jammi/result.h"

namespace jammi::events {

// The calls that fail when a disk does, so that a test can let them fail. Thread-safe.
class Disk {
 public:
  virtual ~Disk() = default;
  // As write(2) and fdatasync(2), errno included.
  virtual ssize_t Write(int fd, const void* bytes, size_t count);
  virtual int Sync(int fd);
  [[nodiscard]] static Disk& System();
};

// An open file, closed when it goes.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_(fd) {}
  File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  File& operator=(File&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~File();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// "sink full: <doing>: <reason>" (kSinkFull) where the disk or a quota is full, else kSpillFailed.
[[nodiscard]] Error DiskError(int error_number, std::string_view doing);

// open(2) with O_CLOEXEC, O_NOFOLLOW and mode 0600.
[[nodiscard]] Result<File> OpenFile(const std::filesystem::path& path, int flags);
// All of it, at the file's position. After an error a part may be written.
[[nodiscard]] Result<void> WriteAll(Disk& disk, const File& file, std::string_view bytes,
                                    const std::filesystem::path& path);
[[nodiscard]] Result<void> SyncFile(Disk& disk, const File& file, const std::filesystem::path& path);
// Makes new, renamed and removed names of a directory durable.
[[nodiscard]] Result<void> SyncDirectory(Disk& disk, const std::filesystem::path& directory);
// `count` bytes from `offset` on; fewer where the file ends.
[[nodiscard]] Result<std::string> ReadAt(const File& file, uint64_t offset, size_t count,
                                         const std::filesystem::path& path);
[[nodiscard]] Result<uint64_t> SizeOf(const File& file, const std::filesystem::path& path);

// Takes the lock of `path`, which is made; it lasts as long as the file is open.
// Errors: kSpillFailed: somebody else has it, or the file system said no; `what` names what is locked.
[[nodiscard]] Result<File> LockFile(const std::filesystem::path& path, std::string_view what);

}  // namespace jammi::events
