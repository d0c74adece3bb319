#include "support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace jammi::test {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

bool SendAll(int fd, const uint8_t* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

// No linger: the other end sees a reset at once, as when a machine goes.
void Reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

}  // namespace

// One direction of a connection: bytes that make no whole message yet.
struct TcpProxy::Stream {
  int from = -1;
  int to = -1;
  bool startup = false;  // the client's first message has no type byte
  bool any = false;      // whatever is there is a message
  size_t number = 0;     // of its connection
  std::vector<uint8_t> held;

  // The size of the first message, 0 if it is not whole.
  [[nodiscard]] size_t Whole() const {
    if (any) return held.size();
    const size_t type = startup ? 0 : 1;
    if (held.size() < type + 4) return 0;
    size_t length = 0;
    for (size_t i = 0; i < 4; ++i) length = length << 8 | held[type + i];
    return held.size() >= type + length ? type + length : 0;
  }
};

struct TcpProxy::Link {
  Stream to_server;
  Stream to_client;
  ~Link() {
    Reset(to_server.from);
    Reset(to_server.to);
  }
};

TcpProxy::TcpProxy(int server_port, Messages messages) : messages_(messages), server_port_(server_port) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(listener_, 64) != 0 ||
      getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      pipe2(wake_, O_CLOEXEC) != 0) {
    throw std::runtime_error("TcpProxy: cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

TcpProxy::~TcpProxy() {
  stop_ = true;
  (void)!write(wake_[1], "x", 1);
  thread_.join();
  links_.clear();
  for (const int fd : {listener_, wake_[0], wake_[1]}) close(fd);
}

void TcpProxy::CutAfter(Direction direction, int64_t messages) {
  const std::lock_guard lock(mutex_);
  has_cut_ = false;
  left_[static_cast<size_t>(direction)] = messages;
}

void TcpProxy::CutBeforeAnswer(std::string text, Reach reach) {
  const std::lock_guard lock(mutex_);
  has_cut_ = false;
  reach_ = reach;
  answer_ = std::move(text);
}

void TcpProxy::Lose(Direction direction, std::string text) {
  const std::lock_guard lock(mutex_);
  lost_[static_cast<size_t>(direction)] = std::move(text);
}

bool TcpProxy::has_lost() const {
  const std::lock_guard lock(mutex_);
  return lost_[0].empty() && lost_[1].empty();
}

// Is this message, the first `size` bytes, the one with `text` that was waited for? Then no other is.
bool TcpProxy::Holds(const Stream& stream, size_t size, std::string* text) {
  const std::lock_guard lock(mutex_);
  if (text->empty()) return false;
  const std::string_view message(reinterpret_cast<const char*>(stream.held.data()), size);
  if (message.find(*text) == std::string_view::npos) return false;
  text->clear();
  return true;
}

int64_t TcpProxy::round_trips() const {
  const auto each = round_trips_by_connection();
  return std::accumulate(each.begin(), each.end(), int64_t{0});
}

std::vector<int64_t> TcpProxy::round_trips_by_connection() const {
  const std::lock_guard lock(mutex_);
  return round_trips_;
}

void TcpProxy::CutAll() {
  cut_all_ = true;
  (void)!write(wake_[1], "x", 1);
  while (cut_all_) std::this_thread::yield();
}

void TcpProxy::Accept() {
  const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (client < 0) return;
  const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(server_port_);
  if (refuse_ || connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    Reset(client);
    Reset(server);
    return;
  }
  ++accepted_;
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto link = std::make_unique<Link>();
  const bool any = messages_ == Messages::kAny;
  const std::lock_guard lock(mutex_);
  const size_t number = round_trips_.size();
  round_trips_.push_back(0);
  link->to_server = {client, server, true, any, number, {}};
  link->to_client = {server, client, false, any, number, {}};
  links_.push_back(std::move(link));
}

// Reads what is there and passes whole messages on. False: the connection is to be closed.
bool TcpProxy::Pass(Stream& stream, Direction direction) {
  uint8_t buffer[16384];
  const ssize_t size = recv(stream.from, buffer, sizeof(buffer), MSG_DONTWAIT);
  if (size == 0 || (size < 0 && errno != EAGAIN)) return false;
  if (size > 0) stream.held.insert(stream.held.end(), buffer, buffer + size);
  while (const size_t whole = stream.Whole()) {
    if (direction == Direction::kToClient && Holds(stream, whole, &answer_)) {
      const std::lock_guard lock(mutex_);
      if (reach_ == Reach::kAll) cut_all_ = true;
      has_cut_ = true;
      return false;
    }
    if (Holds(stream, whole, &lost_[static_cast<size_t>(direction)])) {
      stream.held.erase(stream.held.begin(), stream.held.begin() + static_cast<ptrdiff_t>(whole));
      continue;
    }
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      if (auto& left = left_[static_cast<size_t>(direction)]) {
        last = *left <= 1;
        const bool not_even_this = *left == 0;
        if (last)
          left.reset();
        else
          --*left;
        if (last) has_cut_ = true;
        if (not_even_this) return false;
      }
    }
    if (direction == Direction::kToClient && stream.held.front() == 'Z') {
      const std::lock_guard lock(mutex_);
      ++round_trips_[stream.number];
    }
    if (!SendAll(stream.to, stream.held.data(), whole)) return false;
    stream.held.erase(stream.held.begin(), stream.held.begin() + static_cast<ptrdiff_t>(whole));
    stream.startup = false;
    if (last) return false;
  }
  return true;
}

void TcpProxy::Serve() {
  while (!stop_) {
    std::vector<pollfd> fds{{wake_[0], POLLIN, 0}, {listener_, POLLIN, 0}};
    if (!stall_) {
      for (const auto& link : links_) {
        fds.push_back({link->to_server.from, POLLIN, 0});
        fds.push_back({link->to_client.from, POLLIN, 0});
      }
    }
    poll(fds.data(), fds.size(), 10);
    if ((fds[0].revents & POLLIN) != 0) {
      char byte = 0;
      (void)!read(wake_[0], &byte, 1);
    }
    if (cut_all_) {
      links_.clear();
      cut_all_ = false;
      continue;
    }
    size_t i = 2;
    if (fds.size() > 2) {
      std::erase_if(links_, [&](const auto& link) {
        const bool to_server = fds[i++].revents != 0;
        const bool to_client = fds[i++].revents != 0;
        return (to_server && !Pass(link->to_server, Direction::kToServer)) ||
               (to_client && !Pass(link->to_client, Direction::kToClient));
      });
    }
    if ((fds[1].revents & POLLIN) != 0) Accept();
  }
}

}  // namespace jammi::test
