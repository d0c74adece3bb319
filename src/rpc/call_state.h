// What unary and streaming calls have in common: from the metadata to a decoded request and a resolved call.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <exception>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "rpc/dispatcher.h"
#include "rpc/failure.h"
#include "rpc/service.h"

namespace jammi {

[[nodiscard]] grpc::Status ToGrpc(const RpcFailure& failure);

// An exception out of a method is a bug of ours. It ends the call, and not the server.
[[nodiscard]] Error Thrown(const RpcMethod& method, std::string_view what);
template <class Function>
auto Guarded(const RpcMethod& method, Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& thrown) {
    return Thrown(method, thrown.what());
  }
}

// One per call, from its first moment to its last: counts it at both ends. Not thread-safe.
class CallState {
 public:
  CallState(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
            grpc::CallbackServerContext& context);
  // Ended(), with what End() was told last.
  ~CallState();
  CallState(const CallState&) = delete;
  CallState& operator=(const CallState&) = delete;

  // Who calls, if that can be said without waiting: then call() is complete, or there is a failure. nullopt:
  // Schedule() must find out, on a thread that may wait.
  [[nodiscard]] std::optional<std::expected<void, RpcFailure>> Resolve();
  // Calls `next` once: on a thread of the pool, with the call resolved; or, there or here, with why it will
  // not run. Behind it the call may be gone.
  using Next = std::function<void(std::optional<RpcFailure> refused)>;
  void Schedule(Next next);
  // Once it is resolved, from any thread: why it would no longer be let in, for what belongs to `scope`; to
  // its own, if there is none. nullopt: it would.
  [[nodiscard]] std::optional<RpcFailure> Revoked(const std::optional<Scope>& scope) const;
  // The bytes of `buffer` as the method's request.
  [[nodiscard]] std::expected<std::unique_ptr<google::protobuf::MessageLite>, RpcFailure> Decode(
      const grpc::ByteBuffer& buffer) const;

  // What ends the call. The destructor counts it, and writes a line to the log (SRV-061).
  [[nodiscard]] grpc::Status End(const RpcFailure& failure);
  void EndOk() { code_ = RpcCode::kOk; }

  // Whose turn in the executor the call takes: its tenant's or principal's once they are known, before that
  // its credential's. Without credentials anybody may be anybody, and it is the session's or the
  // connection's.
  [[nodiscard]] uint64_t lane() const;
  [[nodiscard]] bool resolved() const { return resolved_; }  // so call() says who calls
  [[nodiscard]] const RpcMethod& method() const { return method_; }
  [[nodiscard]] const RpcCall& call() const { return call_; }
  [[nodiscard]] Dispatcher& dispatcher() const { return dispatcher_; }

  // Nobody waits for the answer any more: call().stop is requested. From any thread.
  void Stop();
  // Why: the drain is over, the deadline passed, or the client went away.
  [[nodiscard]] RpcFailure Stopped() const;

  [[nodiscard]] static RpcFailure Cancelled();

 private:
  [[nodiscard]] std::expected<void, RpcFailure> ResolveSlowly();
  [[nodiscard]] RpcFailure Late() const;
  [[nodiscard]] std::expected<void, RpcFailure> Take(CallResolver::Answer answer);
  // Why `answer` does not let the call in; nullopt: it does.
  [[nodiscard]] std::optional<RpcFailure> Refused(const CallResolver::Answer& answer) const;
  void WriteLine(std::chrono::nanoseconds took) const;

  Dispatcher& dispatcher_;
  const RpcMethod& method_;
  const size_t metric_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  const std::string peer_;
  CallMetadata metadata_;
  std::string trace_parent_;  // empty: the caller has given none that can be read
  std::stop_source stop_;
  RpcCall call_;
  bool resolved_ = false;
  RpcCode code_ = RpcCode::kCancelled;
  std::string failure_;  // what the client is told
};

}  // namespace jammi
