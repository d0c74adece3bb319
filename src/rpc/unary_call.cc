#include "rpc/unary_call.h"

#include <fmt/format.h>

#include <utility>

#include "base/sync_point.h"

namespace jammi {

class UnaryCall::Pending {
 public:
  explicit Pending(UnaryCall* call) : call_(call) {}
  Pending(Pending&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
  ~Pending() {
    if (call_ == nullptr) return;
    call_->Answer(
        Error(ErrorCode::kInternal, fmt::format("{} ended without an answer", call_->state_.method().name)));
  }

  void operator()(Result<grpc::ByteBuffer> response) {
    auto* call = std::exchange(call_, nullptr);
    if (call == nullptr) return;
    if (!call->state_.method().asynchronous) return call->Answer(std::move(response));
    call->state_.dispatcher().answers().Post(
        [call, response = std::move(response)]() mutable { call->Answer(std::move(response)); });
  }

 private:
  UnaryCall* call_;
};

grpc::ServerUnaryReactor* UnaryCall::Begin(Dispatcher& dispatcher, const RpcMethod& method, size_t metric,
                                           grpc::CallbackServerContext& context,
                                           const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  auto* call = new UnaryCall(dispatcher, method, metric, context, request, response);
  call->Start();
  return call;
}

void UnaryCall::Start() {
  auto resolved = state_.Resolve();
  if (resolved && !*resolved) return Fail(resolved->error());
  if (resolved && (state_.method().options.quick || !state_.method().unary)) return Run();
  state_.Schedule([this](const std::optional<RpcFailure>& refused) {
    if (refused) return Fail(*refused);
    if (context_.IsCancelled()) return Fail(state_.Stopped());
    Run();
  });
}

void UnaryCall::Run() {
  const auto& method = state_.method();
  if (!method.unary) return Fail(state_.dispatcher().NotServed(method));
  auto decoded = state_.Decode(request_);
  if (!decoded) return Fail(decoded.error());
  decoded_ = std::move(*decoded);
  // From here on the answer may come, and `this` go, at any moment.
  const auto thrown = Guarded(method, [&]() -> Result<void> {
    method.unary(state_.call(), *decoded_, Pending(this));
    return {};
  });
  IgnoreError(thrown, "it is logged, and what has thrown has dropped the pending answer");
}

void UnaryCall::Answer(Result<grpc::ByteBuffer> response) {
  JAMMI_SYNC_POINT("rpc:answer");
  if (!response && response.error().code() == ErrorCode::kCancelled && state_.call().stop.stop_requested()) {
    return Fail(state_.Stopped());
  }
  if (!response) return Fail(ToFailure(response.error(), state_.method().options.errors));
  const size_t most = state_.dispatcher().options().max_message_bytes;
  if (response->Length() > most) {
    return Fail({RpcCode::kResourceExhausted,
                 fmt::format("{}: the reply has {} bytes, and may have {}; ask for less at a time",
                             state_.method().name, response->Length(), most),
                 {}});
  }
  response_ = std::move(*response);
  state_.EndOk();
  Finish(grpc::Status::OK);
}

}  // namespace jammi
