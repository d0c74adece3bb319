#include "rpc/raw_http2.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

namespace jammi::test {
namespace {

constexpr int kPatience = 20'000;  // ms

void AppendInteger(std::string& out, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

// RFC 7541, 5.1, with a prefix of 7 bits.
void AppendText(std::string& out, std::string_view text) {
  size_t size = text.size();
  if (size < 127) {
    out += static_cast<char>(size);
  } else {
    out += static_cast<char>(127);
    for (size -= 127; size >= 128; size /= 128) out += static_cast<char>(size % 128 + 128);
    out += static_cast<char>(size);
  }
  out += text;
}

}  // namespace

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string frame;
  AppendInteger(frame, static_cast<uint32_t>(payload.size()), 3);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  AppendInteger(frame, stream, 4);
  frame += payload;
  return frame;
}

std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string block;
  for (const auto& [name, value] : fields) {
    block += '\0';  // literal, a new name
    AppendText(block, name);
    AppendText(block, value);
  }
  return block;
}

std::string CallFields(const std::string& path,
                       const std::vector<std::pair<std::string, std::string>>& more) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {":method", "POST"},    {":scheme", "http"}, {":path", path},
      {":authority", "test"}, {"te", "trailers"},  {"content-type", "application/grpc"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return Fields(fields);
}

std::string Message(std::string_view bytes, bool compressed) {
  std::string message(1, compressed ? '\1' : '\0');
  AppendInteger(message, static_cast<uint32_t>(bytes.size()), 4);
  message += bytes;
  return message;
}

std::string Hello() { return std::string(kPreface) + Frame(FrameType::kSettings, 0, 0, ""); }

RawConnection::RawConnection(const std::string& address) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    std::perror("connect");
    std::abort();
  }
}

RawConnection::~RawConnection() {
  if (socket_ >= 0) close(socket_);
}

bool RawConnection::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

std::string RawConnection::ReadUntil(std::string_view text) {
  std::string all;
  std::array<char, 65536> part{};
  while (text.empty() || all.find(text) == std::string::npos) {
    pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, kPatience) <= 0) break;
    const auto got = recv(socket_, part.data(), part.size(), 0);
    if (got <= 0) break;
    all.append(part.data(), static_cast<size_t>(got));
  }
  return all;
}

bool RawConnection::AwaitClose() {
  std::array<char, 65536> part{};
  while (true) {
    pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
    if (poll(&wait, 1, kPatience) <= 0) return false;
    if (recv(socket_, part.data(), part.size(), 0) <= 0) return true;
  }
}

void RawConnection::HalfClose() { shutdown(socket_, SHUT_WR); }

}  // namespace jammi::test
