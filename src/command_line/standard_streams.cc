#include "command_line/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace jammi {

namespace {

// It runs before anything else of the process, also before a sanitizer knows of it: so it calls the system
// itself, and has no table of its own.
__attribute__((no_sanitize("address", "thread", "undefined"))) void OpenWhatIsMissing() {
  // The lowest free descriptor is the one that is taken, so they must be looked at in this order.
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::syscall(SYS_fcntl, stream, F_GETFD) >= 0) continue;
    ::syscall(SYS_openat, AT_FDCWD, "/dev/null", stream == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
  }
}

// Libraries open descriptors of their own when they are loaded, which is before main().
__attribute__((section(".preinit_array"), used)) void (*const kBeforeLibraries)() = &OpenWhatIsMissing;

}  // namespace

void OpenMissingStreams() { OpenWhatIsMissing(); }

bool ReaderIsGone() {
  struct pollfd output = {.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

ReaderWatch::ReaderWatch(std::function<void()> gone) : wake_(::eventfd(0, EFD_CLOEXEC)) {
  if (wake_ < 0) return;  // then a write has to find it out, as without us
  watcher_ = std::jthread([wake = wake_, gone = std::move(gone)] {
    std::array<struct pollfd, 2> waits = {
        {{.fd = wake, .events = POLLIN, .revents = 0}, {.fd = STDOUT_FILENO, .events = 0, .revents = 0}}};
    while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
    }
    if ((waits[1].revents & POLLERR) != 0) gone();
  });
}

ReaderWatch::~ReaderWatch() {
  if (wake_ < 0) return;
  ::eventfd_write(wake_, 1);
  watcher_.join();
  ::close(wake_);
}

}  // namespace jammi
