// What a streaming method answers with: messages, as they come.
#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <functional>
#include <optional>
#include <variant>

#include "jammi/result.h"
#include "jammi/scope.h"

namespace jammi {

// One thread at a time calls TryNext and OnReady; Close may come from any. Destroying it is Close().
class RpcStream {
 public:
  struct NotReady {};
  struct End {};
  using Polled = std::variant<NotReady, End, grpc::ByteBuffer>;

  virtual ~RpcStream() = default;
  // The next message, encoded. Never waits. After End or an error it is not called again.
  [[nodiscard]] virtual Result<Polled> TryNext() = 0;
  // Calls `ready` once, when TryNext() may have something to say; at once if so already.
  virtual void OnReady(std::move_only_function<void()> ready) = 0;
  // When it returns, no `ready` runs or will run; from inside of it, it returns at once. Idempotent.
  virtual void Close() = 0;
  // Whose it is, if the request named another scope than the call's; always the same. nullopt: the call's.
  [[nodiscard]] virtual std::optional<Scope> scope() const { return std::nullopt; }
};

}  // namespace jammi
