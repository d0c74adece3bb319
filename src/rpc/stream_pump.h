// Sends the messages of a stream, as fast as the client takes them.
#pragma once

#include <grpcpp/impl/codegen/call_op_set.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "rpc/call_state.h"
#include "rpc/stream.h"

namespace jammi {

[[nodiscard]] inline grpc::WriteOptions WriteOptionsOf(bool more) {
  return more ? grpc::WriteOptions().set_buffer_hint() : grpc::WriteOptions();
}

// Of a call, which it writes to and finishes: once, and then no more. One message is written, and the next
// when that one has gone to the connection. The stream is asked one message ahead: only what nothing follows
// is sent at once, and what something follows goes with it, so that a replay costs a system call for many
// messages. A client that does not read costs what the connection may buffer, and two messages. No thread
// waits.
//
// At any moment one party has the turn: the one that begins, a write that is under way, or the stream's
// callback. Only who has the turn writes or finishes; who cancels or ends the call while nobody has it takes
// it.
class StreamPump {
 public:
  // The call. Neither function calls back from inside.
  class Wire {
   public:
    virtual ~Wire() = default;
    virtual void SendHeaders() = 0;
    // The message stays where it is until Written(). `more`: another one, or the end, follows at once.
    virtual void Write(const grpc::ByteBuffer& message, bool more) = 0;
    virtual void End(const grpc::Status& status) = 0;
  };
  StreamPump(CallState& state, Wire& wire) : state_(state), wire_(wire) {}
  // When the call is over.
  ~StreamPump();
  StreamPump(const StreamPump&) = delete;
  StreamPump& operator=(const StreamPump&) = delete;

  [[nodiscard]] bool open_to_all() const { return options().access == RpcAccess::kOpen; }
  [[nodiscard]] bool ends_itself() const { return options().ends_itself; }
  // Among whom the streams are shared out: the tenant, else the principal; as long as nobody has asked, whose
  // turn in the executor it takes. Empty: nobody in particular.
  [[nodiscard]] std::string caller() const;

  // --- With the turn, which whoever makes it has at first. Behind each of them the call may be gone.

  // Is open from now on, as far as the dispatcher lets it. False: it was refused, and is finished. Again,
  // once it is known who calls.
  [[nodiscard]] bool Enter();
  void Run(std::unique_ptr<RpcStream> stream);
  void Fail(const RpcFailure& failure);
  // Somebody has asked for the end: then it is finished.
  [[nodiscard]] bool EndIfAsked();
  // Gives up the turn; TakeTurn() goes on.
  void GiveTurn();

  // --- Without it.

  // False: the call has ended meanwhile.
  [[nodiscard]] bool TakeTurn();
  // Ends the call with this, as soon as what is being written has gone.
  void EndWith(RpcFailure failure);
  // Likewise, if its caller would no longer be let in. Does nothing before Run(), which asks for itself.
  void EndIfRevoked();
  void Cancelled();

  // What Wire::Write() began is done. False: nothing more can be written.
  void Written(bool ok);

 private:
  using Polled = Result<RpcStream::Polled>;
  [[nodiscard]] const MethodOptions& options() const { return state_.method().options; }
  [[nodiscard]] std::optional<RpcFailure> Revoked() const { return state_.Revoked(stream_->scope()); }
  // Goes on until something is being written, waited for, or finished.
  void Pump();
  [[nodiscard]] Polled Poll();
  void Write(grpc::ByteBuffer message);
  // Gives up the turn until the stream has something. False: it was kept, there is something to do.
  [[nodiscard]] bool Park();
  void Ready();

  CallState& state_;
  Wire& wire_;
  grpc::ByteBuffer writing_;
  std::optional<Polled> ahead_;  // what follows writing_, if that is known
  bool entered_ = false;

  enum class Turn : uint8_t {
    kHeld,
    kParking,  // held by Park(), which is asking the stream
    kReady,    // likewise, and the stream has answered already
    kParked,   // nobody's
  };
  std::mutex mutex_;
  Turn turn_ = Turn::kHeld;
  std::optional<RpcFailure> end_;  // asked for
  bool running_ = false;           // so whose call it is stays as it is
  // The last member, so the first to go: until it is closed, it may call Ready().
  std::unique_ptr<RpcStream> stream_;
};

}  // namespace jammi
