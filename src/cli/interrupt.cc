#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <utility>

namespace jammi {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};

// A handler may do little more than write to a pipe.
int wake[2] = {-1, -1};

extern "C" void Heard(int /*signal*/) {
  const int before = errno;
  static_cast<void>(!::write(wake[1], "s", 1));
  errno = before;
}

}  // namespace

Interrupt::Interrupt(std::function<void()> stop) {
  if (::pipe2(wake, O_CLOEXEC) != 0) return;  // then a signal ends the program, as without us
  listener_ = std::jthread([stop = std::move(stop)] {
    char why = 0;
    while (::read(wake[0], &why, 1) < 0 && errno == EINTR) {
    }
    if (why == 's') stop();
  });
  struct sigaction action {};
  action.sa_handler = Heard;
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

Interrupt::~Interrupt() {
  if (!listener_.joinable()) return;
  for (const int signal : kSignals) ::signal(signal, SIG_DFL);
  static_cast<void>(!::write(wake[1], "e", 1));
  listener_.join();
  for (const int end : wake) ::close(end);
}

}  // namespace jammi
