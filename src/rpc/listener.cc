#include "rpc/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "base/sync_point.h"

namespace jammi {
namespace {

constexpr int kShortOfDescriptorsMillis = 100;
// Data that a peer does not acknowledge ends the connection after this time; as gRPC has it for keepalive.
constexpr int kUnacknowledgedMillis = 20'000;

void Set(int socket, int level, int option, int value) {
  (void)setsockopt(socket, level, option, &value, sizeof value);  // what fails costs only speed
}

struct Address {
  sockaddr_storage bytes{};
  socklen_t size = 0;
};

Result<Address> Parse(const std::string& text) {
  const Error none(ErrorCode::kInvalidArgument, fmt::format("'{}' is no numeric address with a port", text));
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return none;
  uint16_t port = 0;  // getaddrinfo() takes "" for 0, and 70000 for something
  const auto [end, wrong] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
  if (wrong != std::errc() || end != text.data() + text.size()) return none;
  std::string host = text.substr(0, colon);
  if (host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const addrinfo hints{.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
                       .ai_family = AF_UNSPEC,
                       .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), text.c_str() + colon + 1, &hints, &found) != 0) return none;
  Address address;
  address.size = found->ai_addrlen;
  std::memcpy(&address.bytes, found->ai_addr, found->ai_addrlen);
  freeaddrinfo(found);
  return address;
}

Error CannotListen(const std::string& address) {
  return Error(ErrorCode::kUnavailable,
               fmt::format("cannot listen on {}: {}", address, std::strerror(errno)));
}

int PortOf(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                           : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
}

}  // namespace

Result<std::unique_ptr<Listener>> Listener::Bind(const std::string& address) {
  JAMMI_ASSIGN(const Address to, Parse(address));
  const int wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  const int socket = ::socket(to.bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (wake < 0 || socket < 0) {
    auto error = CannotListen(address);
    if (wake >= 0) close(wake);
    if (socket >= 0) close(socket);
    return error;
  }
  std::unique_ptr<Listener> listener(new Listener(socket, wake, ""));
  Set(socket, SOL_SOCKET, SO_REUSEADDR, 1);  // after a restart, and not beside another server
  if (bind(socket, reinterpret_cast<const sockaddr*>(&to.bytes), to.size) != 0 ||
      listen(socket, SOMAXCONN) != 0)
    return CannotListen(address);
  listener->address_ = fmt::format("{}:{}", address.substr(0, address.rfind(':')), PortOf(socket));
  return listener;
}

Listener::Listener(int socket, int wake, std::string address)
    : socket_(socket), wake_(wake), address_(std::move(address)) {}

Listener::~Listener() {
  Stop();
  close(wake_);
}

void Listener::Serve(std::function<void(int)> take) {
  take_ = std::move(take);
  thread_ = std::thread([this] { Run(); });
}

void Listener::Stop() {
  if (thread_.joinable()) {
    (void)eventfd_write(wake_, 1);
    thread_.join();
  }
  if (socket_ >= 0) close(std::exchange(socket_, -1));
}

void Listener::Run() {
  bool wait_a_little = false;
  while (true) {
    std::array<pollfd, 2> fds = {pollfd{.fd = wake_, .events = POLLIN, .revents = 0},
                                 pollfd{.fd = socket_, .events = POLLIN, .revents = 0}};
    // While there are no descriptors the socket stays readable: it is not asked for a moment.
    const bool both = !wait_a_little;
    (void)poll(fds.data(), both ? 2 : 1, both ? -1 : kShortOfDescriptorsMillis);
    if (fds[0].revents != 0) return;
    wait_a_little = !Accept();
  }
}

bool Listener::Accept() {
  const int connection = accept4(socket_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (connection >= 0) {
    if (std::exchange(short_of_descriptors_, false)) Log(LogLevel::kInfo, "connections are taken again");
    Set(connection, IPPROTO_TCP, TCP_NODELAY, 1);
    Set(connection, IPPROTO_TCP, TCP_USER_TIMEOUT, kUnacknowledgedMillis);
    take_(connection);
    return true;
  }
  const bool none = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  if (none && !std::exchange(short_of_descriptors_, true)) {
    Log(LogLevel::kWarning, "a connection cannot be taken: {}; new ones wait", std::strerror(errno));
  }
  if (none) JAMMI_SYNC_POINT("rpc:listener:no_descriptor");
  return !none;  // others, such as a connection that has gone already, are the peer's affair
}

}  // namespace jammi
