#include "rpc/stream_call.h"

#include <utility>

namespace jammi {

grpc::ServerWriteReactor<grpc::ByteBuffer>* StreamCall::Begin(Dispatcher& dispatcher, const RpcMethod& method,
                                                              size_t metric,
                                                              grpc::CallbackServerContext& context,
                                                              const grpc::ByteBuffer& request) {
  auto* call = new StreamCall(dispatcher, method, metric, context, request);
  call->Start();
  return call;
}

void StreamCall::Start() {
  auto resolved = state_.Resolve();
  if (resolved && !*resolved) return pump_.Fail(resolved->error());
  if (resolved && state_.method().options.quick) return Run();
  state_.Schedule([this](const std::optional<RpcFailure>& refused) {
    if (refused) return pump_.Fail(*refused);
    if (pump_.EndIfAsked()) return;
    Run();
  });
}

void StreamCall::Run() {
  const auto& method = state_.method();
  if (!method.stream) return pump_.Fail(state_.dispatcher().NotServed(method));
  auto decoded = state_.Decode(request_);
  if (!decoded) return pump_.Fail(decoded.error());
  if (!pump_.Enter()) return;
  auto stream = Guarded(method, [&] { return method.stream(state_.call(), **decoded); });
  if (!stream) return pump_.Fail(ToFailure(stream.error(), method.options.errors));
  pump_.Run(std::move(*stream));
}

}  // namespace jammi
