// File systems of a test's own: small ones that fill up, and ones that become read-only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace jammi::test {

// Gives this process a private view of the mounts: what it mounts nobody else sees, and it goes with the
// process. Works as root; for an ordinary user the program `argv` is begun again by unshare(1) in a user
// namespace, where the kernel allows it. (A library may have started a thread before main(), and a process
// with threads cannot enter a user namespace itself.) To be called first in main(). Returns why it could
// not; empty = done.
std::string EnterMountNamespace(char** argv);

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
