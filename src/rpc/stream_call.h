#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "rpc/call_state.h"
#include "rpc/stream_pump.h"

namespace jammi {

// A call that is answered with a stream of messages. It owns itself.
class StreamCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer>, private StreamPump::Wire {
 public:
  [[nodiscard]] static grpc::ServerWriteReactor<grpc::ByteBuffer>* Begin(Dispatcher& dispatcher,
                                                                         const RpcMethod& method,
                                                                         size_t metric,
                                                                         grpc::CallbackServerContext& context,
                                                                         const grpc::ByteBuffer& request);

 private:
  StreamCall(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
             grpc::CallbackServerContext& context, const grpc::ByteBuffer& request)
      : state_(dispatcher, method, metric, context), request_(request), pump_(state_, *this) {}

  void Start();
  void Run();

  void SendHeaders() override { StartSendInitialMetadata(); }
  void Write(const grpc::ByteBuffer& message, bool more) override {
    StartWrite(&message, WriteOptionsOf(more));
  }
  void End(const grpc::Status& status) override { Finish(status); }

  void OnWriteDone(bool ok) override { pump_.Written(ok); }
  void OnCancel() override {
    state_.Stop();
    pump_.Cancelled();
  }
  void OnDone() override { delete this; }

  CallState state_;
  const grpc::ByteBuffer& request_;
  StreamPump pump_;
};

}  // namespace jammi
