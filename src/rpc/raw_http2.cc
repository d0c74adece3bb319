#include "rpc/raw_http2.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace jammi::test {
namespace {

constexpr int kPatience = 20'000;  // ms

void AppendInteger(std::string& out, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

uint32_t IntegerAt(std::string_view from, size_t at, size_t bytes) {
  uint32_t value = 0;
  for (const char byte : from.substr(at, bytes)) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
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

RawConnection::Came RawConnection::ReadSome(std::string& to, std::chrono::milliseconds patience) {
  std::array<char, 65536> part{};
  pollfd wait{.fd = socket_, .events = POLLIN, .revents = 0};
  if (poll(&wait, 1, static_cast<int>(patience.count())) <= 0) return Came::kNothing;
  const auto got = recv(socket_, part.data(), part.size(), 0);
  if (got <= 0) return Came::kEnd;
  to.append(part.data(), static_cast<size_t>(got));
  return Came::kBytes;
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

// --- RawUpload

RawUpload::RawUpload(const std::string& address, const std::string& path, size_t size)
    : connection_(address) {
  std::string head(1, '\0');
  AppendInteger(head, static_cast<uint32_t>(size), 4);
  connection_.Send(Hello() + Frame(FrameType::kHeaders, kEndHeaders, 1, CallFields(path)) +
                   Frame(FrameType::kData, 0, 1, head));
  sent_ = head.size();
  room_ -= std::ssize(head);
  call_room_ -= std::ssize(head);
}

bool RawUpload::Send(size_t bytes, std::chrono::milliseconds patience) {
  static const std::string kBody(16'384, 'x');
  while (bytes > 0 && IsServed()) {
    const int64_t room = std::min(room_, call_room_);
    if (room <= 0) {
      if (!Listen(patience)) return false;
      continue;
    }
    const size_t size = std::min({bytes, kBody.size(), static_cast<size_t>(room)});
    if (!connection_.Send(Frame(FrameType::kData, 0, 1, std::string_view(kBody).substr(0, size))))
      return false;
    bytes -= size;
    sent_ += size;
    room_ -= static_cast<int64_t>(size);
    call_room_ -= static_cast<int64_t>(size);
  }
  return !ended_;
}

bool RawUpload::IsServed() {
  while (!ended_ && Listen(std::chrono::milliseconds(0))) {
  }
  return !ended_;
}

bool RawUpload::Listen(std::chrono::milliseconds patience) {
  const auto came = connection_.ReadSome(incoming_, patience);
  if (came == RawConnection::Came::kEnd) ended_ = true;
  TakeFrames();
  return came == RawConnection::Came::kBytes;
}

void RawUpload::TakeFrames() {
  std::string_view rest = incoming_;
  while (rest.size() >= 9 && rest.size() >= 9 + IntegerAt(rest, 0, 3)) {
    const auto type = static_cast<FrameType>(rest[3]);
    const bool acknowledges = rest[4] != 0;
    const bool of_call = IntegerAt(rest, 5, 4) != 0;
    const auto payload = rest.substr(9, IntegerAt(rest, 0, 3));
    rest.remove_prefix(9 + payload.size());
    if (type == FrameType::kWindow) (of_call ? call_room_ : room_) += IntegerAt(payload, 0, 4);
    if (type == FrameType::kReset || type == FrameType::kGoAway || type == FrameType::kHeaders) ended_ = true;
    if (type == FrameType::kPing && !acknowledges) connection_.Send(Frame(FrameType::kPing, 1, 0, payload));
    if (type != FrameType::kSettings || acknowledges) continue;
    connection_.Send(Frame(FrameType::kSettings, 1, 0, ""));
    for (size_t at = 0; at + 6 <= payload.size(); at += 6) {
      constexpr uint32_t kInitialRoom = 4;
      if (IntegerAt(payload, at, 2) != kInitialRoom) continue;
      const int64_t initial = IntegerAt(payload, at + 2, 4);
      call_room_ += initial - std::exchange(initial_room_, initial);
    }
  }
  incoming_.erase(0, incoming_.size() - rest.size());
}

}  // namespace jammi::test
