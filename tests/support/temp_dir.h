// A directory of a test's own.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace jammi::test {

// Made when constructed, removed with all in it when destroyed.
class TempDir {
 public:
  // kMemory: on a file system without a disk, for what is synced often and proves nothing by it.
  enum class On : uint8_t { kDisk, kMemory };
  explicit TempDir(On on = On::kDisk);
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace jammi::test
