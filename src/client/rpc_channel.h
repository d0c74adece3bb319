// Calls of a server by method path, with any protobuf message: "/jammi.v1.catalog.CatalogService/SetTenant".
// No stub is needed, and no gRPC header.
#pragma once

#include <chrono>
#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/client_stream.h"
#include "jammi/result.h"
#include "jammi/secret.h"

namespace jammi {

struct ChannelOptions {
  std::string target = "grpc://127.0.0.1:8081";  // ParseServerTarget() says what may stand here
  std::string session_id;                        // sent with every call; empty: a random UUID
  Secret token;                                  // sent as "authorization: Bearer ..."; empty: none
  // PEM file of the authorities that may have signed a TLS server's certificate; empty: the system's.
  std::filesystem::path ca_file;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds call_timeout{60'000};  // of a call that is no stream; zero: none
};

// A connection of its own, made at the first call or by Connect(), and made again when it breaks. Cheap to
// copy; the copies are the same connection. Thread-safe.
class RpcChannel {
 public:
  // Does not connect. Errors: kInvalidArgument: the target, a token or a session id that no header can
  // carry; kNotFound, kUnavailable: the file of authorities.
  [[nodiscard]] static Result<RpcChannel> Open(const ChannelOptions& options);

  // Returns when there is a connection. Errors: kUnavailable: refused, or none within connect_timeout; the
  // text names the target and the reason.
  [[nodiscard]] Result<void> Connect() const;

  [[nodiscard]] const std::string& session_id() const;

  // Errors: those of FromStatus(). A failure does not prove that nothing was done, see there.
  template <class Response, std::derived_from<RpcMessage> Request>
  [[nodiscard]] Result<Response> Call(const char* method, const Request& request) const {
    Response response;
    JAMMI_TRY(CallInto(method, request, response));
    return response;
  }
  [[nodiscard]] Result<void> CallInto(const char* method, const RpcMessage& request,
                                      RpcMessage& response) const;

  // A call whose answer is many messages. Errors come with the first Read().
  template <class Response, std::derived_from<RpcMessage> Request>
  [[nodiscard]] ServerStream<Response> Stream(const char* method, const Request& request) const {
    ClientStream stream = OpenStream(method);
    if (stream.Write(request)) stream.WritesDone();
    return ServerStream<Response>(std::move(stream));
  }
  // A call in which both sides send many.
  template <class Request, class Response>
  [[nodiscard]] BidiStream<Request, Response> Converse(const char* method) const {
    return BidiStream<Request, Response>(OpenStream(method));
  }
  [[nodiscard]] ClientStream OpenStream(const char* method) const;

 private:
  struct State;
  explicit RpcChannel(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace jammi
