#include "torture/control.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace jammi::test {
namespace {

[[noreturn]] void Throw(const std::string& doing) {
  throw std::system_error(errno, std::generic_category(), doing);
}

}  // namespace

Control Control::Create(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 || fchmod(fd, 0644) != 0 || ftruncate(fd, sizeof(ControlPage)) != 0)
    Throw("create " + path.string());
  return Control(fd);
}

Control Control::Open() {
  const char* path = std::getenv(kControlVariable);
  const int fd = open(path == nullptr ? "" : path, O_RDWR | O_CLOEXEC);
  if (fd < 0) Throw(std::string("open the file that ") + kControlVariable + " names");
  return Control(fd);
}

Control::Control(int fd) {
  void* const page = mmap(nullptr, sizeof(ControlPage), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (page == MAP_FAILED) Throw("map the control page");
  page_ = static_cast<ControlPage*>(page);
}

Control::~Control() {
  if (page_ != nullptr) munmap(page_, sizeof(ControlPage));
}

}  // namespace jammi::test
