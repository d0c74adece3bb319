// An event as it goes to a publisher: everything that can be wrong with it alone has been looked at.
#pragma once

#include <string>
#include <string_view>

#include "jammi/events/event.h"
#include "jammi/events/jetstream_sink.h"
#include "jammi/events/publisher.h"
#include "jammi/result.h"

namespace jammi::events {

struct PreparedEvent {
  std::string subject;
  std::string payload;
  Headers headers;

  [[nodiscard]] OutgoingEvent outgoing() const { return {subject, payload, headers}; }
  // What the server compares with its limit: headers and payload.
  [[nodiscard]] size_t Size() const;
};

// Validates the event, resolves its subject, writes it and checks its size against the smaller of the
// options' limit and the server's. Errors: kInvalidEvent, kInvalidSubject, kEventTooLarge.
// What `prepared` was goes; its buffers are used again.
[[nodiscard]] Result<void> PrepareInto(PreparedEvent* prepared, const Event& event,
                                       std::string_view subject_template, const JetStreamSinkOptions& options,
                                       const Publisher& publisher);
[[nodiscard]] Result<PreparedEvent> Prepare(const Event& event, std::string_view subject_template,
                                            const JetStreamSinkOptions& options, const Publisher& publisher);

}  // namespace jammi::events
