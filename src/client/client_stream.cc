#include "client/client_stream.h"

#include "client/client_stream_state.h"
#include "client/rpc_error.h"

namespace jammi {

ClientStream::ClientStream(std::unique_ptr<State> state) : state_(std::move(state)) {}
ClientStream::ClientStream(ClientStream&&) noexcept = default;
ClientStream& ClientStream::operator=(ClientStream&&) noexcept = default;

ClientStream::~ClientStream() {
  if (!state_ || state_->ended) return;
  state_->context.TryCancel();
  static_cast<void>(state_->stream->Finish());
}

void ClientStream::AwaitHeaders() { state_->stream->WaitForInitialMetadata(); }

Result<bool> ClientStream::Read(RpcMessage& message) {
  if (!state_->ended) {
    if (state_->stream->Read(&message)) return true;
    state_->ended = state_->stream->Finish();
  }
  if (!state_->ended->ok()) return FromStatus(*state_->ended);
  return false;
}

bool ClientStream::Write(const RpcMessage& message) { return state_->stream->Write(message); }

void ClientStream::WritesDone() { state_->stream->WritesDone(); }

void ClientStream::Cancel() { state_->context.TryCancel(); }

}  // namespace jammi
