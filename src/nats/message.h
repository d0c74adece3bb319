// What goes over a connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct __natsMsg;

namespace jammi::nats {

using Headers = std::vector<std::pair<std::string, std::string>>;

// A message to send, which the call that sends it copies.
struct MessageView {
  std::string_view subject;
  const Headers& headers;
  std::string_view body;

  // What the server compares with its `max_payload`: headers and body.
  [[nodiscard]] size_t Size() const;
};

// The same for who keeps it: `body` alone is another's.
struct OutMessage {
  std::string subject;
  Headers headers;
  std::string_view body;

  [[nodiscard]] size_t Size() const { return MessageView(*this).Size(); }
  operator MessageView() const { return {subject, headers, body}; }  // NOLINT: it is one
};

// A message that has arrived. Immutable once made; reading it is thread-safe.
class Message {
 public:
  explicit Message(__natsMsg* taken) : message_(taken) {}  // owns it from now on
  ~Message();
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  [[nodiscard]] std::string_view subject() const;
  [[nodiscard]] std::string_view reply() const;  // empty: none
  // Lies in this message's memory.
  [[nodiscard]] std::string_view body() const;
  // The first value; names are compared as they are written.
  [[nodiscard]] std::optional<std::string_view> Header(const char* name) const;
  // What a server says instead of data, "100", "408", "503", ...; else empty. A publisher may write such a
  // header too: look at PlaceOf() first.
  [[nodiscard]] std::string_view Status() const;

 private:
  __natsMsg* message_;
};

// Where a message that a JetStream consumer delivers stands, read from its reply subject.
struct DeliveryPlace {
  std::string_view consumer;
  uint64_t delivered = 0;  // how often; 1 = for the first time
  uint64_t stream_sequence = 0;
  uint64_t consumer_sequence = 0;
  uint64_t pending = 0;  // messages of the stream behind it
};
// nullopt: it was not delivered by a consumer.
[[nodiscard]] std::optional<DeliveryPlace> PlaceOf(const Message& message);

}  // namespace jammi::nats
