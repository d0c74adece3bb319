// Asynchronous JetStream publishes: a bounded number of messages is on its way, and every one of them has
// its outcome told once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "jammi/result.h"
#include "nats/connection.h"
#include "nats/message.h"

namespace jammi::nats {

struct WindowLimits {
  size_t messages = 4096;           // that are not acknowledged
  size_t bytes = size_t{64} << 20;  // of them
  std::chrono::milliseconds acknowledge_within{5000};
};

struct PublishAck {
  std::string stream;  // not empty
  uint64_t sequence = 0;
  bool duplicate = false;  // the stream had a message of this id already
  std::string domain = {};
};

// Why a message was not acknowledged: for who acts on it, and as an error. The codes of the error:
// kUnavailable: not connected; kResourceExhausted: the window is full, or the message is larger than the
// server takes; kPermissionDenied: we may not publish to the subject; kNotFound: no stream takes it: nothing
// was stored. kOutcomeUnknown: the connection was lost, or the deadline passed, before the acknowledgement
// came, or it was none: it may be stored. kCancelled: closed meanwhile, also unknown. The rest is
// FromApi()'s.
struct PublishFailure {
  enum class Kind : uint8_t {
    kNotSent,    // not connected
    kNoRoom,     // the window is full
    kTooLarge,   // for the server
    kForbidden,  // we may not publish to the subject
    kNoStream,   // no stream takes the subject, or it has no leader now
    kRefused,    // by the stream
    kBadAnswer,  // it may be stored
    kExpired,    // it may be stored
    kLost,       // the connection; it may be stored
    kClosed,     // the window; it may be stored
  };
  Kind kind = Kind::kNotSent;
  Error error;
  int code = 0;      // kRefused: like those of HTTP
  int api_code = 0;  // kRefused: JetStream's own
};
using PublishOutcome = std::expected<PublishAck, PublishFailure>;
[[nodiscard]] Result<PublishAck> ToResult(PublishOutcome outcome);

// Thread-safe. Messages go out in the order of the calls of Publish(); one stream takes them in that order.
// A message that fails does not hold back those behind it: who needs them in order sends again from the
// one that failed, with message ids, and the server leaves out what it has.
class PublishWindow {
 public:
  explicit PublishWindow(std::shared_ptr<Connection> connection, const WindowLimits& limits = {});
  ~PublishWindow() { Close(); }
  PublishWindow(const PublishWindow&) = delete;
  PublishWindow& operator=(const PublishWindow&) = delete;

  // Sends `message` and calls `done` once: on a delivery thread when the server has answered; with an error
  // that is known at once, by this call before it returns. It must be short, may publish again, and must not
  // call Close().
  using Done = std::move_only_function<void(PublishOutcome)>;
  void Publish(const MessageView& message, Done done);

  // The same, waiting for room and for the answer. kDeadlineExceeded: there was no room.
  [[nodiscard]] Result<PublishAck> PublishAndWait(const MessageView& message, Deadline deadline);

  // Messages without an outcome.
  [[nodiscard]] size_t pending() const;

  // What is pending ends with kCancelled. Idempotent; not from a `done`.
  void Close();

 private:
  struct Pending {
    std::string subject;
    size_t bytes = 0;
    std::chrono::steady_clock::time_point expires;
    Done done;
  };
  // Shared with what the connection calls.
  struct State;

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<State> state_;
  uint64_t listener_ = 0;
  uint64_t denial_listener_ = 0;
};

}  // namespace jammi::nats
