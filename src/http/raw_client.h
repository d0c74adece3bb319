// A client of the HTTP port that may send anything. For tests.
#pragma once

#include <string>
#include <string_view>

namespace jammi {

// What waits, waits 20 seconds at most; then it throws, and so does what cannot be.
class RawClient {
 public:
  // Connects to "127.0.0.1:8080" or "[::1]:8080".
  explicit RawClient(std::string_view address);
  ~RawClient();
  RawClient(RawClient&& other) noexcept;
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False: the server has closed the connection.
  bool Send(std::string_view bytes);
  // Sends nothing more; the server sees the end.
  void FinishSending();
  // One response whole, by its Content-Length, or what came of it until the server closed the connection.
  std::string Read();
  // Everything until the server closes the connection, in whatever way.
  std::string ReadToEnd();
  // The server has closed the connection before it had read everything: the answer may be lost on its way.
  [[nodiscard]] bool was_reset() const { return was_reset_; }
  // Closes the connection at once, with a reset.
  void Reset();

 private:
  // Appends what comes to received_. False: nothing more will.
  bool Receive();

  int socket_ = -1;
  bool was_reset_ = false;
  std::string received_;
};

// Sends a request on a connection of its own, and returns all that comes.
std::string Get(std::string_view address, std::string_view path);
// The status line, and the body.
std::string StatusOf(std::string_view response);
std::string BodyOf(std::string_view response);

}  // namespace jammi
