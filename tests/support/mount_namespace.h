// File systems of a test's own: small ones that fill up, and ones that become read-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace jammi::test {

// Gives this process a private view of the mounts: what it mounts nobody else sees, and it goes with the
// process. Works as root, and as an ordinary user where the kernel allows user namespaces. Must be called
// before a thread is started. Returns why it could not; empty = done.
std::string EnterMountNamespace();

// A tmpfs. REQUIRES: EnterMountNamespace(). Throws std::system_error.
class SmallFileSystem {
 public:
  SmallFileSystem(std::filesystem::path at, uint64_t bytes);  // `at`: an existing directory
  ~SmallFileSystem();
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // No file may be open for writing.
  void MakeReadOnly();
  void MakeWritable();
  // Fills it with a file, to the last byte; Free() removes that file.
  void Fill();
  void Free();

 private:
  void Remount(unsigned long flags);

  std::filesystem::path path_;
};

}  // namespace jammi::test
