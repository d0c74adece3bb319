#include "server/service_manager.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "config/environment.h"

namespace jammi {
namespace {

std::optional<int64_t> Number(const Environment& environment, const std::string& name) {
  const auto* text = FindVariable(environment, name);
  int64_t number = 0;
  if (text == nullptr) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return number;
}

// Half of what the manager waits for, as its manual asks. The variable is also seen by processes that it is
// not meant for.
std::optional<std::chrono::milliseconds> AliveEvery(const Environment& environment) {
  const auto limit_us = Number(environment, "WATCHDOG_USEC");
  if (!limit_us || *limit_us <= 0) return std::nullopt;
  if (FindVariable(environment, "WATCHDOG_PID") && Number(environment, "WATCHDOG_PID") != ::getpid()) {
    return std::nullopt;
  }
  return std::max(std::chrono::milliseconds(1), std::chrono::milliseconds(*limit_us / 2000));
}

}  // namespace

ServiceManager::ServiceManager(const Environment& environment) {
  const auto* path = FindVariable(environment, "NOTIFY_SOCKET");
  if (path == nullptr || path->size() >= sizeof(sockaddr_un::sun_path)) return;
  if (!path->starts_with('/') && !path->starts_with('@')) return;
  path_ = *path;
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  alive_every_ = AliveEvery(environment);
}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) ::close(socket_);
}

void ServiceManager::Reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  Tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceManager::Tell(std::string_view state) const {
  if (socket_ < 0) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path_.data(), path_.size());
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // a name that is not in the file system
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path_.size());
  static_cast<void>(::sendto(socket_, state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size));
}

}  // namespace jammi
