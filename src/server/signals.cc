#include "server/signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <system_error>

namespace jammi {
namespace {

sigset_t SetOf(std::initializer_list<int> numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  return set;
}

}  // namespace

ServerSignals::ServerSignals() {
  std::signal(SIGPIPE, SIG_IGN);  // a client that goes away is a failed write, not the end of the process
  const sigset_t set = SetOf({SIGINT, SIGTERM, SIGHUP});
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  fd_ = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
}

ServerSignals::~ServerSignals() { ::close(fd_); }

std::optional<ServerSignal> ServerSignals::Await(std::optional<std::chrono::milliseconds> timeout) {
  pollfd watched{fd_, POLLIN, 0};
  if (::poll(&watched, 1, timeout ? static_cast<int>(timeout->count()) : -1) <= 0) return std::nullopt;
  signalfd_siginfo signal{};
  if (::read(fd_, &signal, sizeof signal) != sizeof signal) return std::nullopt;
  return signal.ssi_signo == SIGHUP ? ServerSignal::kReload : ServerSignal::kStop;
}

void ServerSignals::ExitOnNextStop() {
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { ::_exit(1); });
  const sigset_t set = SetOf({SIGINT, SIGTERM});
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace jammi
