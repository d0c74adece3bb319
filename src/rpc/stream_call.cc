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
  if (resolved && !*resolved) return Fail(resolved->error());
  const bool known = resolved.has_value();
  const bool submitted = state_.dispatcher().executor().Submit(state_.lane(), [this, known] {
    if (state_.call().deadline.Passed()) return Fail(state_.Late());
    if (EndIfAsked()) return;
    if (!known) {
      if (auto slowly = state_.ResolveSlowly(); !slowly) return Fail(slowly.error());
    }
    Run();
  });
  if (!submitted) Fail(CallState::Busy());
}

void StreamCall::Run() {
  const auto& method = state_.method();
  if (!method.stream) return Fail(state_.dispatcher().NotServed(method));
  auto decoded = state_.Decode(request_);
  if (!decoded) return Fail(decoded.error());
  RpcFailure refused;
  entered_ = state_.dispatcher().Enter(this, &refused);
  if (!entered_) return Fail(refused);
  auto stream = Guarded(method, [&] { return method.stream(state_.call(), **decoded); });
  if (!stream) return Fail(ToFailure(stream.error(), method.options.errors));
  stream_ = std::move(*stream);
  // At once, so that the client knows that it is attached (SRV-168).
  StartSendInitialMetadata();
  Pump();
}

void StreamCall::Pump() {
  do {
    if (EndIfAsked()) return;
    auto polled = Guarded(state_.method(), [this] { return stream_->TryNext(); });
    if (!polled) return Fail(ToFailure(polled.error(), state_.method().options.errors));
    if (std::holds_alternative<RpcStream::End>(*polled)) {
      state_.EndOk();
      return Finish(grpc::Status::OK);
    }
    if (auto* message = std::get_if<grpc::ByteBuffer>(&*polled)) {
      writing_ = std::move(*message);
      return StartWrite(&writing_);
    }
  } while (!Park());
}

bool StreamCall::EndIfAsked() {
  {
    const std::lock_guard lock(mutex_);
    if (!end_) return false;
  }
  Fail(*end_);  // it is set once
  return true;
}

bool StreamCall::Park() {
  {
    const std::lock_guard lock(mutex_);
    turn_ = Turn::kParking;
  }
  stream_->OnReady([this] { Ready(); });
  const std::lock_guard lock(mutex_);
  const bool wait = turn_ == Turn::kParking && !end_;
  turn_ = wait ? Turn::kParked : Turn::kHeld;
  return wait;
}

void StreamCall::Ready() {
  {
    const std::lock_guard lock(mutex_);
    if (turn_ == Turn::kParking) turn_ = Turn::kReady;
    if (turn_ != Turn::kParked) return;
    turn_ = Turn::kHeld;
  }
  Pump();
}

void StreamCall::EndWith(RpcFailure failure) {
  {
    const std::lock_guard lock(mutex_);
    if (end_) return;
    end_ = std::move(failure);
    if (turn_ != Turn::kParked) return;  // who has the turn will see it
    turn_ = Turn::kHeld;
  }
  stream_->Close();
  Fail(*end_);
}

void StreamCall::Fail(const RpcFailure& failure) { Finish(state_.End(failure)); }

void StreamCall::OnWriteDone(bool ok) {
  if (!ok) return Fail(CallState::Cancelled());
  Pump();
}

void StreamCall::OnCancel() { EndWith(CallState::Cancelled()); }

void StreamCall::OnDone() {
  if (entered_) state_.dispatcher().Leave(this);
  delete this;
}

}  // namespace jammi
