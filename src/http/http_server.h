// The HTTP/1.1 server of the health port: small answers to requests without bodies, for any number of clients
// on one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/http_message.h"
#include "jammi/result.h"

namespace jammi {

// The defaults are for a port that probes and scrapers ask every few seconds.
struct HttpOptions {
  // Connections at a time; one beyond them gets 503 and is closed.
  size_t max_connections = 256;
  // A request's line and headers together; above it 431.
  size_t max_header_bytes = 16'384;
  // A body is read and ignored; above it 413.
  size_t max_body_bytes = 4'096;
  // From the first byte of a request to its last, and from a connection's beginning to that first byte. A
  // client that is slower is cut off.
  std::chrono::milliseconds read_timeout{10'000};
  // Between two requests of a connection.
  std::chrono::milliseconds idle_timeout{75'000};
  // Until the handler has answered; then 503.
  std::chrono::milliseconds answer_timeout{10'000};
  // Until the client has taken the answer.
  std::chrono::milliseconds write_timeout{10'000};
  // What is under way when the server stops.
  std::chrono::milliseconds stop_timeout{2'000};
};

// Thread-safe.
class HttpServer {
 public:
  // Binds and listens; clients may connect from now on, and wait until Serve(). `address` is numeric:
  // "127.0.0.1:8080", "[::1]:0"; port 0 is any free one.
  // Errors: kInvalidArgument: no such address; kUnavailable: it is in use, not of this machine, or not
  // allowed. Both name it.
  [[nodiscard]] static Result<std::unique_ptr<HttpServer>> Bind(std::string_view address, HttpOptions options,
                                                                HttpHandler handler);
  // Stop().
  ~HttpServer();  // NOLINT(bugprone-exception-escape): for want of memory alone
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // As it is bound: "127.0.0.1:41234".
  [[nodiscard]] const std::string& address() const;

  // Begins to answer. Once, and not after Stop().
  void Serve();

  // Takes no more connections, closes those that ask nothing, and waits until the requests under way are
  // answered, for options.stop_timeout at most. Idempotent. Not from a handler.
  void Stop();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace jammi
