#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "rpc/call_state.h"

namespace jammi {

// A unary call from its bytes to its bytes. It owns itself.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  // `request` and `response` live until the call is finished.
  [[nodiscard]] static grpc::ServerUnaryReactor* Begin(Dispatcher& dispatcher, const RpcMethod& method,
                                                       size_t metric, grpc::CallbackServerContext& context,
                                                       const grpc::ByteBuffer& request,
                                                       grpc::ByteBuffer& response);

 private:
  UnaryCall(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
            grpc::CallbackServerContext& context, const grpc::ByteBuffer& request, grpc::ByteBuffer& response)
      : state_(dispatcher, method, metric, context),
        context_(context),
        request_(request),
        response_(response) {}

  // What the handler answers through. The call ends even if the handler loses it.
  class Pending;

  void Start();
  void Run();
  void Answer(Result<grpc::ByteBuffer> response);
  void Fail(const RpcFailure& failure) { Finish(state_.End(failure)); }
  void OnCancel() override { state_.Stop(); }
  void OnDone() override { delete this; }

  CallState state_;
  const grpc::CallbackServerContext& context_;
  const grpc::ByteBuffer& request_;
  grpc::ByteBuffer& response_;
  std::unique_ptr<google::protobuf::MessageLite> decoded_;
};

}  // namespace jammi
