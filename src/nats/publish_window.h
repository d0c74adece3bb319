// Asynchronous JetStream publishes: a bounded number of messages is on its way, and every one of them has
// its outcome told once.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
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
  std::string stream;
  uint64_t sequence = 0;
  bool duplicate = false;  // the stream had a message of this id already
};

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
  // Errors: kUnavailable: not connected; kResourceExhausted: the window is full, or the message is larger
  // than the server takes: nothing was stored. kNotFound: no stream takes the subject.
  // kOutcomeUnknown: the connection was lost, or the deadline passed, before the acknowledgement came: it
  // may be stored. kCancelled: closed meanwhile, also unknown. The rest is FromApi()'s.
  using Done = std::move_only_function<void(Result<PublishAck>)>;
  void Publish(const OutMessage& message, Done done);

  // The same, waiting for room and for the answer. kDeadlineExceeded: there was no room.
  [[nodiscard]] Result<PublishAck> PublishAndWait(const OutMessage& message, Deadline deadline);

  // Messages without an outcome.
  [[nodiscard]] size_t pending() const;

  // What is pending ends with kCancelled. Idempotent; not from a `done`.
  void Close();

 private:
  struct Pending {
    size_t bytes;
    std::chrono::steady_clock::time_point expires;
    Done done;
  };
  // Shared with what the connection calls.
  struct State;

  const std::shared_ptr<Connection> connection_;
  const std::shared_ptr<State> state_;
  uint64_t listener_ = 0;
};

}  // namespace jammi::nats
