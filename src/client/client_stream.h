// A call under way in which messages come one after another.
#pragma once

#include <google/protobuf/message_lite.h>

#include <memory>
#include <optional>
#include <utility>

#include "jammi/result.h"

namespace jammi {

using RpcMessage = google::protobuf::MessageLite;

// One thread may read while another writes; Cancel() may be called by any at any time. The destructor
// cancels what has not ended. Outlives its channel.
class ClientStream {
 public:
  struct State;
  explicit ClientStream(std::unique_ptr<State> state);
  ~ClientStream();
  ClientStream(ClientStream&&) noexcept;
  ClientStream& operator=(ClientStream&&) noexcept;

  // Returns when the server has begun to answer, which may be before its first message, or has refused.
  // REQUIRES: nothing was read yet.
  void AwaitHeaders();
  // Waits for the next message: true: it is in `message`. false: the server ended the call in order, now or
  // earlier. Errors: those of FromStatus(); kCancelled after Cancel(). The same again when called again.
  [[nodiscard]] Result<bool> Read(RpcMessage& message);
  // false: the call has ended; Read() says why.
  [[nodiscard]] bool Write(const RpcMessage& message);
  void WritesDone();
  void Cancel();

 private:
  std::unique_ptr<State> state_;
};

template <class Response>
class ServerStream {
 public:
  explicit ServerStream(ClientStream stream) : stream_(std::move(stream)) {}

  // nullopt: the end. Errors: as ClientStream::Read().
  [[nodiscard]] Result<std::optional<Response>> Read() {
    Response message;
    JAMMI_ASSIGN(const bool more, stream_.Read(message));
    if (!more) return std::optional<Response>();
    return std::optional<Response>(std::move(message));
  }
  void AwaitHeaders() { stream_.AwaitHeaders(); }
  void Cancel() { stream_.Cancel(); }

 protected:
  ClientStream stream_;
};

template <class Request, class Response>
class BidiStream : public ServerStream<Response> {
 public:
  using ServerStream<Response>::ServerStream;
  [[nodiscard]] bool Write(const Request& request) { return this->stream_.Write(request); }
  void WritesDone() { this->stream_.WritesDone(); }
};

}  // namespace jammi
