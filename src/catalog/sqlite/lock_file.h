// One engine per catalog file: a lock on a file beside it. Never on the database file itself: SQLite's
// own locks there belong to the process, and closing any descriptor of the file drops them all.
#pragma once

#include <filesystem>
#include <optional>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi::sqlite {

// Held while it lives; also against a second engine of the same process. The file stays behind.
class LockFile {
 public:
  // Errors: kFailedPrecondition with CatalogLockedDetail naming the holder; BackendDetail(kReadOnly,
  // kFull, kIo).
  [[nodiscard]] static Result<LockFile> Take(const std::filesystem::path& path, UnixMicros now);
  // Who holds it; nullopt: nobody. Looks without a file of its own, and is in nobody's way for long.
  // Errors: BackendDetail(kIo, kReadOnly).
  [[nodiscard]] static Result<std::optional<CatalogLockedDetail>> Holder(const std::filesystem::path& path);
  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&&) = delete;
  ~LockFile() { Release(); }

  // Lets go of it; idempotent.
  void Release();

 private:
  explicit LockFile(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace jammi::sqlite
