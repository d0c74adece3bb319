#include "support/mount_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <vector>

namespace jammi::test {
namespace {

[[noreturn]] void Throw(const std::string& doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

// Set for the program that unshare(1) has begun.
constexpr const char* kBegunAgain = "JAMMI_TEST_IN_NAMESPACE";

constexpr const char* kFiller = "filler";

}  // namespace

std::string EnterMountNamespace(char** argv) {
  if (unshare(CLONE_NEWNS) != 0) {
    if (std::getenv(kBegunAgain) == nullptr) {
      setenv(kBegunAgain, "1", 1);
      const std::string self = std::filesystem::read_symlink("/proc/self/exe");
      std::vector<const char*> command{"unshare", "--user", "--map-root-user", "--mount", "--", self.c_str()};
      for (char** argument = argv + 1; *argument != nullptr; ++argument) command.push_back(*argument);
      command.push_back(nullptr);
      execvp(command[0], const_cast<char* const*>(command.data()));
    }
    return fmt::format(
        "no private mounts here ({}): run as root, or install unshare(1) and allow user namespaces",
        std::strerror(errno));
  }
  // Nothing of what follows may reach the mounts outside.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return fmt::format("the mounts cannot be made private: {}", std::strerror(errno));
  }
  return {};
}

SmallFileSystem::SmallFileSystem(std::filesystem::path at, uint64_t bytes) : path_(std::move(at)) {
  const std::string options = fmt::format("size={}", bytes);
  if (mount("tmpfs", path_.c_str(), "tmpfs", 0, options.c_str()) != 0)
    Throw("mount a tmpfs at " + path_.string());
}

SmallFileSystem::~SmallFileSystem() { umount2(path_.c_str(), MNT_DETACH); }

void SmallFileSystem::MakeReadOnly() { Remount(MS_RDONLY); }

void SmallFileSystem::MakeWritable() { Remount(0); }

void SmallFileSystem::Remount(unsigned long flags) {
  if (mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | flags, nullptr) != 0)
    Throw("remount " + path_.string());
}

void SmallFileSystem::Fill() {
  const int file = open((path_ / kFiller).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (file < 0) Throw("create the filler");
  // Nearly all of it at once; the rest as it comes.
  const std::filesystem::space_info space = std::filesystem::space(path_);
  const off_t most = static_cast<off_t>(space.available - std::min<uintmax_t>(space.available, 1 << 20));
  if (most > 0 && posix_fallocate(file, 0, most) == 0) lseek(file, most, SEEK_SET);
  const std::vector<char> block(4096, 'x');
  while (write(file, block.data(), block.size()) > 0) {
  }
  const int reason = errno;
  close(file);
  errno = reason;
  if (reason != ENOSPC) Throw("fill " + path_.string());
}

void SmallFileSystem::Free() { std::filesystem::remove(path_ / kFiller); }

}  // namespace jammi::test
