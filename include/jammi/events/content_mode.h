// An event as a message: its payload and headers, and the id that lets a stream drop doubles.
// Source: CloudEvents' NATS protocol binding 1.0.2.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "jammi/events/event.h"
#include "jammi/result.h"

namespace jammi::events {

inline constexpr std::string_view kContentTypeHeader = "Content-Type";
inline constexpr std::string_view kStructuredContentType = "application/cloudevents+json";
inline constexpr std::string_view kMessageIdHeader = "Nats-Msg-Id";

struct EncodedEvent {
  std::string payload;
  std::vector<std::pair<std::string, std::string>> headers;  // without a message id
  bool operator==(const EncodedEvent&) const = default;
};

// The functions below are pure.

// The whole event as JSON, which every reader understands: the payload is Serialise(event).
[[nodiscard]] EncodedEvent EncodeStructured(const Event& event);
// The payload is the bare data; every attribute is a header, "ce-id" and so on, its value percent-encoded.
// What JSON data leaves unsaid is said: datacontenttype is application/json. Booleans and integers become
// text, and no data becomes an empty payload: a reader cannot tell them apart. `event` is valid
// (CheckEvent()).
[[nodiscard]] EncodedEvent EncodeBinary(const Event& event);
// Reads either mode: structured if a Content-Type begins "application/cloudevents" or no header begins "ce-",
// as senders without headers leave it; else binary, where data is JSON if its media type is JSON or absent,
// text if the type is text and it is UTF-8, else bytes. Names of headers are read in any case.
// Errors: as ParseEvent(); a Content-Type of another format of events; an attribute given twice, or not
// percent-encoded UTF-8; a payload that is no JSON where its media type is.
[[nodiscard]] Result<Event> Decode(std::string_view payload,
                                   const std::vector<std::pair<std::string, std::string>>& headers);

// What is sent as Nats-Msg-Id: base64url of SHA-256 over the source, a zero byte and the id, 43 characters.
// The same for a retry and a replay, so that a stream takes the event once within its duplicate window.
[[nodiscard]] std::string MessageId(const Event& event);

}  // namespace jammi::events
