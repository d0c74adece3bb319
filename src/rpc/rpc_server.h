// The gRPC port.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jammi/clock.h"
#include "jammi/result.h"
#include "rpc/call.h"
#include "rpc/certificates.h"
#include "rpc/dispatcher.h"
#include "rpc/service.h"

namespace jammi {

struct RpcServerOptions {
  std::string address = "127.0.0.1:0";  // numeric; port 0: any free one
  size_t max_message_bytes = 64 << 20;  // both ways
  // Of requests that are received or worked on, and of connections, together; two of the largest messages at
  // least. When there is more, calls end with RESOURCE_EXHAUSTED and idle connections are closed.
  size_t max_incoming_bytes = 512 << 20;
  // Of a connection: until it has said that it speaks HTTP/2 (and TLS, if it must).
  std::chrono::milliseconds handshake_timeout{10'000};
  std::shared_ptr<RpcCertificates> tls;  // null: no TLS
};

// A gRPC server with reflection and grpc.health.v1. Thread-safe.
class RpcServer {
 public:
  // Listens, and serves. Everything given must outlive it. Errors: kInvalidArgument: no numeric address;
  // kUnavailable: the address cannot be had, and why; kFailedPrecondition: a
  // certificate or key that is none.
  [[nodiscard]] static Result<std::unique_ptr<RpcServer>> Start(
      const RpcServerOptions& options, Dispatcher& dispatcher,
      const std::vector<const RpcService*>& services);
  // Shutdown(Deadline::Now()).
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // As it is bound: "127.0.0.1:8081", "[::1]:8081".
  [[nodiscard]] const std::string& address() const { return address_; }

  // Takes no more calls, ends the streams, lets calls that are under way come to their end until `deadline`,
  // and cancels the rest. Idempotent; a second call waits for the first.
  void Shutdown(Deadline deadline);

 private:
  struct Running;
  RpcServer(std::string address, std::unique_ptr<Running> running);

  std::string address_;
  std::unique_ptr<Running> running_;
};

}  // namespace jammi
