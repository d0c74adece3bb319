#include "rpc/bidi_call.h"

#include <utility>

namespace jammi {

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* BidiCall::Begin(
    Dispatcher& dispatcher, const RpcMethod& method, size_t metric, grpc::CallbackServerContext& context) {
  auto* call = new BidiCall(dispatcher, method, metric, context);
  call->Start();
  return call;
}

void BidiCall::Start() {
  auto resolved = state_.Resolve();
  if (resolved && !*resolved) return pump_.Fail(resolved->error());
  known_ = resolved.has_value();
  if (!state_.method().dialog) return pump_.Fail(state_.dispatcher().NotServed(state_.method()));
  if (!pump_.Enter()) return;
  // gRPC begins with none of it before Begin() has returned: until then the call is not gone.
  pump_.GiveTurn();
  Read();
}

void BidiCall::OnReadDone(bool ok) {
  if (dialog_ == nullptr) return TakeFirst(ok);
  TakeNext(ok);
}

void BidiCall::TakeFirst(bool ok) {
  if (!pump_.TakeTurn()) return;
  if (!ok) {
    return pump_.Fail({RpcCode::kInvalidArgument, state_.method().name + ": there is no first message", {}});
  }
  if (known_ && state_.method().options.quick) return Open();
  state_.Schedule([this](const std::optional<RpcFailure>& refused) {
    if (refused) return pump_.Fail(*refused);
    if (pump_.EndIfAsked()) return;
    if (!known_ && !pump_.Enter()) return;
    Open();
  });
}

void BidiCall::Open() {
  const auto& method = state_.method();
  const auto decoded = state_.Decode(incoming_);
  if (!decoded) return pump_.Fail(decoded.error());
  auto dialog = Guarded(method, [&] { return method.dialog(state_.call(), **decoded); });
  if (!dialog) return pump_.Fail(ToFailure(dialog.error(), method.options.errors));
  dialog_ = dialog->get();
  Read();
  pump_.Run(*std::move(dialog));
}

void BidiCall::TakeNext(bool ok) {
  const auto& method = state_.method();
  if (!ok) {
    const auto taken = Guarded(method, [this] { return dialog_->TakeEnd(); });
    if (!taken) pump_.EndWith(ToFailure(taken.error(), method.options.errors));
    return;
  }
  const auto decoded = state_.Decode(incoming_);
  if (!decoded) return pump_.EndWith(decoded.error());
  const auto taken = Guarded(method, [&] { return dialog_->Take(**decoded); });
  if (!taken) return pump_.EndWith(ToFailure(taken.error(), method.options.errors));
  Read();
}

void BidiCall::Read() {
  const std::lock_guard lock(mutex_);
  if (!finished_) StartRead(&incoming_);
}

void BidiCall::End(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  Finish(status);
}

}  // namespace jammi
