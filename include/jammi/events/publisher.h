// The narrow port below the JetStream sink: bytes to a subject, and what became of them. A test needs no
// broker.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/clock.h"
#include "jammi/result.h"

namespace jammi::events {

// The server's word that it has stored a message.
struct PubAck {
  std::string stream;
  uint64_t seq = 0;        // in that stream
  bool duplicate = false;  // a message of this id was there already; nothing was added
  std::string domain = {};
};

using Headers = std::vector<std::pair<std::string, std::string>>;

// What is published. The views are the caller's, and used before the call returns.
struct OutgoingEvent {
  std::string_view subject;
  std::string_view payload;
  const Headers& headers;
};

// Thread-safe. Errors have a SinkDetail: kRejected, kEventTooLarge: the server will not take this message;
// kNoStream, kUnavailable: not now, and nothing was stored; kAckTimeout, kBadAck, kConnectionLost: it may be
// stored; kClosed: after Close(), it may be stored too.
class Publisher {
 public:
  virtual ~Publisher() = default;

  // Sends it and waits for the answer, until `deadline` at the latest (kAckTimeout).
  [[nodiscard]] virtual Result<PubAck> Publish(const OutgoingEvent& event, Deadline deadline) = 0;

  // The same without waiting: `done` is called once, by this call or on a thread of the publisher's, and may
  // publish again. Messages go out in the order of the calls.
  using Done = std::move_only_function<void(Result<PubAck>)>;
  virtual void PublishAsync(const OutgoingEvent& event, Deadline deadline, Done done) {
    done(Publish(event, deadline));
  }

  // Somebody waits for what was handed over: it goes out now, not with what follows. May wait a moment.
  virtual void SendNow() {}

  // The largest message, headers and payload, that the server takes; 0 = not known.
  [[nodiscard]] virtual size_t max_payload() const { return 0; }
  // False: the server knows no headers; they are not sent.
  [[nodiscard]] virtual bool supports_headers() const { return true; }

  // `connected` is called, on a thread that must not wait, each time that a connection was made. Set once,
  // before the first publish; not called any more when Close() has returned.
  virtual void OnConnected(std::function<void()> connected) { static_cast<void>(connected); }

  // What is under way ends with kClosed. Idempotent; not from a `done`.
  virtual void Close() {}
};

}  // namespace jammi::events
