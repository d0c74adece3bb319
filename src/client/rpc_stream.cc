#include "client/rpc_stream.h"

#include "client/rpc_error.h"
#include "client/rpc_stream_state.h"

namespace jammi {

RpcStream::RpcStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
RpcStream::RpcStream(RpcStream&&) noexcept = default;
RpcStream& RpcStream::operator=(RpcStream&&) noexcept = default;

RpcStream::~RpcStream() {
  if (!state_ || state_->ended) return;
  state_->context.TryCancel();
  static_cast<void>(state_->stream->Finish());
}

void RpcStream::AwaitHeaders() { state_->stream->WaitForInitialMetadata(); }

Result<bool> RpcStream::Read(RpcMessage& message) {
  if (!state_->ended) {
    if (state_->stream->Read(&message)) return true;
    state_->ended = state_->stream->Finish();
  }
  if (!state_->ended->ok()) return FromStatus(*state_->ended);
  return false;
}

bool RpcStream::Write(const RpcMessage& message) { return state_->stream->Write(message); }

void RpcStream::WritesDone() { state_->stream->WritesDone(); }

void RpcStream::Cancel() { state_->context.TryCancel(); }

}  // namespace jammi
