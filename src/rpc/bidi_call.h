#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <mutex>

#include "rpc/call_state.h"
#include "rpc/dialog.h"
#include "rpc/stream_pump.h"

namespace jammi {

// A call in which both sides send. What the client sends is read one message at a time, and the next when the
// dialog has taken it: both ways nobody gets more than he takes. It owns itself.
class BidiCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                       private StreamPump::Wire {
 public:
  [[nodiscard]] static grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Begin(
      Dispatcher& dispatcher, const RpcMethod& method, size_t metric, grpc::CallbackServerContext& context);

 private:
  BidiCall(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
           grpc::CallbackServerContext& context)
      : state_(dispatcher, method, metric, context), pump_(state_, *this) {}

  // Of the call: until the client's first message has come, the pump's turn is nobody's.
  void Start();
  void TakeFirst(bool ok);
  // What the first message asks for. With the turn, in the pool.
  void Open();
  // The other messages.
  void TakeNext(bool ok);
  void Read();

  void SendHeaders() override { StartSendInitialMetadata(); }
  void Write(const grpc::ByteBuffer& message, bool more) override {
    StartWrite(&message, WriteOptionsOf(more));
  }
  void End(const grpc::Status& status) override;

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override { pump_.Written(ok); }
  void OnCancel() override {
    state_.Stop();
    pump_.Cancelled();
  }
  void OnDone() override { delete this; }

  CallState state_;
  bool known_ = false;           // whose the call is
  grpc::ByteBuffer incoming_;    // of the read that is under way
  RpcDialog* dialog_ = nullptr;  // the pump's; null before the first message
  std::mutex mutex_;
  bool finished_ = false;  // nothing may be begun any more
  StreamPump pump_;
};

}  // namespace jammi
