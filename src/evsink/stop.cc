#include "evsink/stop.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <system_error>

namespace jammi::evsink {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

void MakePipe(int (&ends)[2]) {
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
}

// The first of them that can be read, waiting for it.
size_t AwaitOneOf(std::array<pollfd, 2> watched) {
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;  // EINTR: again
    return watched[0].revents != 0 ? 0 : 1;
  }
}

}  // namespace

Stop::Stop() {
  MakePipe(wake_);
  MakePipe(heard_);
  const sigset_t signals = Signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // threads that are made later inherit it
  listener_ = std::thread([this] { Listen(); });
}

Stop::~Stop() {
  ::close(wake_[1]);
  listener_.join();
  for (const int fd : {wake_[0], heard_[0], heard_[1]}) ::close(fd);
}

void Stop::Listen() {
  const sigset_t signals = Signals();
  const int fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  if (AwaitOneOf({{{wake_[0], POLLIN, 0}, {fd, POLLIN, 0}}}) == 1) {
    signalfd_siginfo first{};
    static_cast<void>(::read(fd, &first, sizeof first));
    source_.request_stop();
    static_cast<void>(::write(heard_[1], "", 1));
    ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);  // this thread takes the next one, and it ends us
    pollfd end{wake_[0], POLLIN, 0};
    while (::poll(&end, 1, -1) < 0) {
    }
  }
  ::close(fd);
}

bool Stop::AwaitInput(int fd) const { return AwaitOneOf({{{heard_[0], POLLIN, 0}, {fd, POLLIN, 0}}}) == 1; }

}  // namespace jammi::evsink
