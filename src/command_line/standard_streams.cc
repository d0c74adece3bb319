#include "command_line/standard_streams.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace jammi {

void OpenMissingStreams() {
  // The lowest free descriptor is the one that is taken, so they must be looked at in this order.
  constexpr std::array kModes = {O_WRONLY, O_RDONLY, O_WRONLY};
  for (int stream = 0; stream < static_cast<int>(kModes.size()); ++stream) {
    if (::fcntl(stream, F_GETFD) >= 0 || errno != EBADF) continue;
    static_cast<void>(::open("/dev/null", kModes[static_cast<size_t>(stream)]));
  }
}

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
