#include "rpc/stream_pump.h"

#include <fmt/format.h>

#include <utility>

#include "base/sync_point.h"

namespace jammi {
StreamPump::~StreamPump() {
  if (entered_) state_.dispatcher().Leave(this);
}

std::string StreamPump::caller() const {
  if (!state_.resolved()) return fmt::format("lane {}", state_.lane());
  const auto& identity = state_.call().identity;
  if (!identity.scope.is_global()) return "tenant " + identity.scope.Key();
  return identity.principal.empty() ? std::string() : "principal " + identity.principal;
}

bool StreamPump::Enter() {
  RpcFailure refused;
  if (!state_.dispatcher().Enter(this, &refused)) {
    Fail(refused);  // behind it the call may be gone
    return false;
  }
  entered_ = true;
  return true;
}

void StreamPump::Run(std::unique_ptr<RpcStream> stream) {
  stream_ = std::move(stream);
  {
    const std::lock_guard lock(mutex_);
    running_ = true;
  }
  JAMMI_SYNC_POINT("rpc:stream:running");
  // Who calls was asked before EndIfRevoked() could do anything.
  if (const auto revoked = Revoked()) return Fail(*revoked);
  // At once, so that the client knows that it is attached (SRV-168).
  wire_.SendHeaders();
  Pump();
}

void StreamPump::Fail(const RpcFailure& failure) { wire_.End(state_.End(failure)); }

void StreamPump::GiveTurn() {
  {
    const std::lock_guard lock(mutex_);
    if (!end_) {
      turn_ = Turn::kParked;
      return;
    }
  }
  Fail(*end_);
}

bool StreamPump::TakeTurn() {
  const std::lock_guard lock(mutex_);
  if (turn_ != Turn::kParked) return false;
  turn_ = Turn::kHeld;
  return true;
}

void StreamPump::Pump() {
  do {
    if (EndIfAsked()) return;
    auto polled = ahead_ ? *std::exchange(ahead_, std::nullopt) : Poll();
    if (!polled) return Fail(ToFailure(polled.error(), state_.method().options.errors));
    if (std::holds_alternative<RpcStream::End>(*polled)) {
      state_.EndOk();
      return wire_.End(grpc::Status::OK);
    }
    if (auto* message = std::get_if<grpc::ByteBuffer>(&*polled)) return Write(std::move(*message));
  } while (!Park());
}

StreamPump::Polled StreamPump::Poll() {
  return Guarded(state_.method(), [this] { return stream_->TryNext(); });
}

void StreamPump::Write(grpc::ByteBuffer message) {
  writing_ = std::move(message);
  ahead_ = Poll();
  if (*ahead_ && std::holds_alternative<RpcStream::NotReady>(**ahead_)) ahead_.reset();
  wire_.Write(writing_, ahead_.has_value());  // behind it the call may be gone
}

bool StreamPump::EndIfAsked() {
  {
    const std::lock_guard lock(mutex_);
    if (!end_) return false;
  }
  Fail(*end_);  // it is set once
  return true;
}

bool StreamPump::Park() {
  {
    const std::lock_guard lock(mutex_);
    turn_ = Turn::kParking;
  }
  stream_->OnReady([this] { Ready(); });
  JAMMI_SYNC_POINT("rpc:stream:parking");
  const std::lock_guard lock(mutex_);
  const bool wait = turn_ == Turn::kParking && !end_;
  turn_ = wait ? Turn::kParked : Turn::kHeld;
  return wait;
}

void StreamPump::Ready() {
  {
    const std::lock_guard lock(mutex_);
    if (turn_ == Turn::kParking) turn_ = Turn::kReady;
    if (turn_ != Turn::kParked) return;
    turn_ = Turn::kHeld;
  }
  Pump();
}

void StreamPump::EndWith(RpcFailure failure) {
  bool mine = false;
  {
    const std::lock_guard lock(mutex_);
    if (end_) return;
    end_ = std::move(failure);
    mine = turn_ == Turn::kParked;  // else who has the turn will see it
    if (mine) turn_ = Turn::kHeld;
  }
  JAMMI_SYNC_POINT("rpc:stream:end_asked");
  if (!mine) return;
  JAMMI_SYNC_POINT("rpc:stream:took_turn");
  if (stream_ != nullptr) stream_->Close();
  Fail(*end_);
}

void StreamPump::EndIfRevoked() {
  {
    const std::lock_guard lock(mutex_);
    if (!running_) return;
  }
  if (auto revoked = Revoked()) EndWith(*std::move(revoked));
}

void StreamPump::Cancelled() { EndWith(CallState::Cancelled()); }

void StreamPump::Written(bool ok) {
  if (!ok) return Fail(CallState::Cancelled());
  Pump();
}

}  // namespace jammi
