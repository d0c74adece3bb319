#include "http/raw_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <utility>

#include "config/value.h"

namespace jammi {
namespace {

// The end of the first response in `text`, if it is there whole.
std::optional<size_t> EndOfResponse(std::string_view text) {
  const auto head = text.find("\r\n\r\n");
  if (head == std::string_view::npos) return std::nullopt;
  constexpr std::string_view kLength = "Content-Length: ";
  const auto at = text.substr(0, head).find(kLength);
  const size_t body =
      at == std::string_view::npos ? 0 : std::strtoul(text.data() + at + kLength.size(), nullptr, 10);
  const size_t end = head + 4 + body;
  return end <= text.size() ? std::optional(end) : std::nullopt;
}

[[noreturn]] void Fail(std::string_view what) {
  throw std::runtime_error(fmt::format("{}: errno {}", what, errno));
}

// What a signal interrupts is done again: a fuzzer has a timer that tells it of inputs that take too long.
template <class Call>
ssize_t Whole(Call call) {
  ssize_t result = -1;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

}  // namespace

RawClient::RawClient(std::string_view address) {
  const auto parsed = ParseAddress(address);
  const bool v6 = parsed.host.find(':') != std::string::npos;
  socket_ = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit{.tv_sec = 20, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in ipv4{.sin_family = AF_INET, .sin_port = htons(parsed.port), .sin_addr = {}, .sin_zero = {}};
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_port = htons(parsed.port);
  inet_pton(AF_INET, parsed.host.c_str(), &ipv4.sin_addr);
  inet_pton(AF_INET6, parsed.host.c_str(), &ipv6.sin6_addr);
  const auto connected = Whole([&] {
    return v6 ? connect(socket_, reinterpret_cast<sockaddr*>(&ipv6), sizeof ipv6)
              : connect(socket_, reinterpret_cast<sockaddr*>(&ipv4), sizeof ipv4);
  });
  if (connected != 0) Fail("cannot connect");
}

RawClient::~RawClient() {
  if (socket_ >= 0) close(socket_);
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      was_reset_(other.was_reset_),
      received_(std::move(other.received_)) {}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = Whole([&] { return send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); });
    if (sent < 0) {
      was_reset_ = true;
      return false;
    }
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void RawClient::FinishSending() { shutdown(socket_, SHUT_WR); }

bool RawClient::Receive() {
  std::array<char, 65536> chunk;
  const ssize_t size = Whole([&] { return recv(socket_, chunk.data(), chunk.size(), 0); });
  if (size < 0) was_reset_ = true;
  if (size < 0 && errno != ECONNRESET) Fail("the server neither answers nor closes");
  if (size <= 0) return false;
  received_.append(chunk.data(), static_cast<size_t>(size));
  return true;
}

std::string RawClient::Read() {
  std::optional<size_t> end;
  while (!(end = EndOfResponse(received_)) && Receive()) {
  }
  const size_t size = end.value_or(received_.size());
  std::string response = received_.substr(0, size);
  received_.erase(0, size);
  return response;
}

std::string RawClient::ReadToEnd() {
  while (Receive()) {
  }
  return std::exchange(received_, {});
}

void RawClient::Reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(std::exchange(socket_, -1));
}

std::string Get(std::string_view address, std::string_view path) {
  RawClient client(address);
  client.Send(fmt::format("GET {} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", path));
  return client.ReadToEnd();
}

std::string StatusOf(std::string_view response) {
  return std::string(response.substr(0, response.find("\r\n")));
}

std::string BodyOf(std::string_view response) {
  const auto head = response.find("\r\n\r\n");
  return head == std::string_view::npos ? std::string() : std::string(response.substr(head + 4));
}

}  // namespace jammi
