#include "events/prepared_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "events/sink_error.h"
#include "jammi/events/content_mode.h"
#include "jammi/events/subject.h"

namespace jammi::events {
namespace {

// Headers beside those of the content mode.
void AddHeaders(const Event& event, const JetStreamSinkOptions& options, Headers* headers) {
  headers->emplace_back(kMessageIdHeader, MessageId(event));
  if (!options.expected_stream.empty())
    headers->emplace_back("Nats-Expected-Stream", options.expected_stream);
  if (event.traceparent) headers->emplace_back("traceparent", *event.traceparent);
  if (const auto state = event.extensions.find("tracestate"); state != event.extensions.end()) {
    if (const auto* const text = std::get_if<std::string>(&state->second))
      headers->emplace_back("tracestate", *text);
  }
}

}  // namespace

// "NATS/1.0", then "name: value" line by line, then an empty line.
size_t PreparedEvent::Size() const {
  size_t size = payload.size();
  if (!headers.empty()) size += std::string_view("NATS/1.0\r\n\r\n").size();
  for (const auto& [name, value] : headers)
    size += name.size() + value.size() + std::string_view(": \r\n").size();
  return size;
}

Result<PreparedEvent> Prepare(const Event& event, std::string_view subject_template,
                              const JetStreamSinkOptions& options, const Publisher& publisher) {
  JAMMI_TRY(CheckEvent(event));
  PreparedEvent prepared;
  JAMMI_ASSIGN(prepared.subject, ResolveSubject(subject_template, event, options.tenant_policy));
  const bool headers = publisher.supports_headers();
  const bool binary = headers && options.content_mode == ContentMode::kBinary;
  auto encoded = binary ? EncodeBinary(event) : EncodeStructured(event);
  prepared.payload = std::move(encoded.payload);
  if (headers) {
    prepared.headers = std::move(encoded.headers);
    AddHeaders(event, options, &prepared.headers);
  }
  size_t limit = options.max_event_bytes;
  if (const size_t server = publisher.max_payload(); server > 0) limit = std::min(limit, server);
  if (prepared.Size() <= limit) return prepared;
  return SinkError(SinkFault::kEventTooLarge,
                   fmt::format("event sink: the event has {} bytes with its headers, and {} are the limit",
                               prepared.Size(), limit));
}

}  // namespace jammi::events
