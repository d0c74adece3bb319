// Takes connections and hands them on. gRPC's own listener stops for good at the first connection for which
// there is no descriptor; this one waits, and goes on.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "jammi/result.h"

namespace jammi {

// Bind(), then Serve() once. Not thread-safe but for address().
class Listener {
 public:
  // A numeric address with a port, "127.0.0.1:8081", "[::1]:0"; port 0 is any free one. Connections are
  // queued from now on. Errors: kInvalidArgument: it is no such address; kUnavailable, naming it: it cannot
  // be had, and why.
  [[nodiscard]] static Result<std::unique_ptr<Listener>> Bind(const std::string& address);
  // Stop().
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  // As it is bound.
  [[nodiscard]] const std::string& address() const { return address_; }

  // `take` gets each connection's descriptor, and owns it; on a thread of the listener, so it is short.
  void Serve(std::function<void(int connection)> take);
  // When it returns, `take` is not called any more, and the port is free. Idempotent.
  void Stop();

 private:
  Listener(int socket, int wake, std::string address);
  void Run();
  // False: no connection can be had now, though there may be one.
  [[nodiscard]] bool Accept();

  int socket_;
  int wake_;  // an eventfd: readable when it has to stop
  std::string address_;
  std::function<void(int)> take_;
  bool short_of_descriptors_ = false;  // is said once
  std::thread thread_;
};

}  // namespace jammi
