// A TCP connection that says whatever a test wishes, and the few frames of HTTP/2 that are needed for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace jammi::test {

// Frames, as bytes (RFC 9113).
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindow = 8,
  kContinuation = 9
};
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kEndHeaders = 4;
[[nodiscard]] std::string Frame(FrameType type, uint8_t flags, uint32_t stream, std::string_view payload);
// Header fields, spelled out (HPACK without indexing or Huffman codes).
[[nodiscard]] std::string Fields(const std::vector<std::pair<std::string, std::string>>& fields);
// The headers of a gRPC call, and more.
[[nodiscard]] std::string CallFields(const std::string& path,
                                     const std::vector<std::pair<std::string, std::string>>& more = {});
// A gRPC message: a flag, its length, its bytes.
[[nodiscard]] std::string Message(std::string_view bytes, bool compressed = false);
// What every HTTP/2 client says first.
[[nodiscard]] std::string Hello();

class RawConnection {
 public:
  // To "127.0.0.1:PORT". Ends the program if there is no connection.
  explicit RawConnection(const std::string& address);
  ~RawConnection();
  RawConnection(RawConnection&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawConnection& operator=(RawConnection&&) = delete;

  // false: the server has closed it.
  bool Send(std::string_view bytes);
  // What comes until `text` is among it, the server closes, or nothing comes for 20 s.
  std::string ReadUntil(std::string_view text);
  enum class Came : uint8_t { kBytes, kNothing, kEnd };
  // Adds what there is within `patience`.
  [[nodiscard]] Came ReadSome(std::string& to, std::chrono::milliseconds patience);
  // Waits until the server closes; false after 20 s.
  [[nodiscard]] bool AwaitClose();
  // No more will be sent.
  void HalfClose();

 private:
  int socket_;
};

// A call whose only message is sent piece by piece, never more than the server has room for.
class RawUpload {
 public:
  // A message of `size` bytes is announced.
  RawUpload(const std::string& address, const std::string& path, size_t size);

  // Of the message. false: the server has ended the call or the connection, or there is no room within
  // `patience`.
  [[nodiscard]] bool Send(size_t bytes, std::chrono::milliseconds patience = std::chrono::seconds(20));
  // Neither the call nor the connection has been ended, as far as is known here.
  [[nodiscard]] bool IsServed();
  // Of the message and what is before it.
  [[nodiscard]] size_t sent() const { return sent_; }

 private:
  // Reads what there is within `patience`. false: nothing.
  bool Listen(std::chrono::milliseconds patience);
  // Of the frames that have come whole.
  void TakeFrames();

  RawConnection connection_;
  std::string incoming_;
  int64_t room_ = 65'535;          // for the connection
  int64_t initial_room_ = 65'535;  // of a call
  int64_t call_room_ = 65'535;
  bool ended_ = false;
  size_t sent_ = 0;
};

}  // namespace jammi::test
