// One client of the HTTP port. For http_server.cc alone: this header costs seconds.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>

#include "http/http_message.h"
#include "http/http_server.h"

namespace jammi {

class HttpConnection;

// What the connections of a server share. Everything here happens on the thread that runs `loop`.
struct HttpConnections {
  HttpOptions options;
  HttpHandler handler;
  std::shared_ptr<boost::asio::io_context> loop;
  std::unordered_set<HttpConnection*> open;
  size_t refused = 0;                       // of the open ones: beyond the limit, on their way out
  std::function<void()> on_closed = [] {};  // after one has gone
};

// Lives as long as it has something to wait for, and is destroyed on the loop's thread.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(boost::asio::ip::tcp::socket socket, HttpConnections& connections);
  ~HttpConnection();
  HttpConnection(const HttpConnection&) = delete;
  HttpConnection& operator=(const HttpConnection&) = delete;

  // Serves requests until the client goes, errs or is too slow.
  void Serve();
  // Answers 503, whatever is asked.
  void Refuse();
  // Goes as soon as no request is under way.
  void Drain();
  // Goes now.
  void Close();

 private:
  enum class State : uint8_t { kIdle, kReading, kAnswering, kWriting, kLingering };
  using ErrorCode = boost::system::error_code;
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void AwaitRequest(std::chrono::milliseconds limit);
  void ReadHead();
  void OnHead(const ErrorCode& error);
  void OnBody(const ErrorCode& error);
  void Handle();
  void Answer(uint64_t request, HttpResponse response);
  void Write(HttpResponse response);
  void FailRead(const ErrorCode& error);
  [[nodiscard]] bool HasReadAll() const;
  void Linger();

  HttpConnections& connections_;
  boost::beast::tcp_stream stream_;
  boost::beast::flat_buffer buffer_;
  boost::asio::steady_timer answer_timer_;
  std::optional<Parser> parser_;  // of the request that is read or answered
  State state_ = State::kIdle;
  uint64_t request_ = 0;  // counts them: an answer is for one
  bool head_only_ = false;
  bool keep_alive_ = false;  // after the answer
  bool draining_ = false;
  bool refused_ = false;
  size_t lingered_bytes_ = 0;
  std::array<char, 4096> scratch_;
};

}  // namespace jammi
