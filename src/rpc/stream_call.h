#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <mutex>
#include <optional>

#include "rpc/call_state.h"
#include "rpc/stream.h"

namespace jammi {

// A call that is answered with a stream of messages, as fast as the client takes them: one is written, and
// the next is asked for when that one has gone to the connection. No thread waits. It owns itself.
//
// At any moment one party has the turn: the one that begins it, a write that is under way, or the stream's
// callback. Only who has the turn writes or finishes; who cancels or ends the call while the stream is waited
// for takes the turn.
class StreamCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  [[nodiscard]] static grpc::ServerWriteReactor<grpc::ByteBuffer>* Begin(Dispatcher& dispatcher,
                                                                         const RpcMethod& method,
                                                                         size_t metric,
                                                                         grpc::CallbackServerContext& context,
                                                                         const grpc::ByteBuffer& request);
  // Ends it with this status, as soon as what is being written has gone.
  void EndWith(RpcFailure failure);

 private:
  StreamCall(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
             grpc::CallbackServerContext& context, const grpc::ByteBuffer& request)
      : state_(dispatcher, method, metric, context), request_(request) {}

  void Start();
  void Run();
  // Goes on until something is being written, waited for, or finished. With the turn; behind it `this` may be
  // gone.
  void Pump();
  // The client or the server has asked for the end: then it is finished. With the turn.
  [[nodiscard]] bool EndIfAsked();
  // Gives up the turn until the stream has something. False: the turn was kept, there is something to do.
  [[nodiscard]] bool Park();
  void Ready();
  void Fail(const RpcFailure& failure);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  CallState state_;
  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer writing_;
  bool entered_ = false;

  enum class Turn : uint8_t {
    kHeld,
    kParking,  // held by Park(), which is asking the stream
    kReady,    // likewise, and the stream has answered already
    kParked,   // nobody's
  };
  std::mutex mutex_;
  Turn turn_ = Turn::kHeld;
  std::optional<RpcFailure> end_;  // asked for
  // The last member, so the first to go: until it is closed, it may call Ready().
  std::unique_ptr<RpcStream> stream_;
};

}  // namespace jammi
