#include "events/prepared_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "events/json_write.h"
#include "events/sink_error.h"
#include "jammi/events/content_mode.h"
#include "jammi/events/subject.h"

namespace jammi::events {
namespace {

// Headers, written over those that were there.
class HeaderWriter {
 public:
  explicit HeaderWriter(Headers* headers) : headers_(*headers) {}
  ~HeaderWriter() { headers_.resize(used_); }
  HeaderWriter(const HeaderWriter&) = delete;
  HeaderWriter& operator=(const HeaderWriter&) = delete;

  void Add(std::string_view name, std::string_view value) {
    if (used_ == headers_.size()) headers_.emplace_back();
    headers_[used_].first = name;
    headers_[used_].second = value;
    ++used_;
  }

 private:
  Headers& headers_;
  size_t used_ = 0;
};

// Headers beside those of the content mode.
void AddHeaders(const Event& event, const JetStreamSinkOptions& options, HeaderWriter* out) {
  out->Add(kMessageIdHeader, MessageId(event));
  if (!options.expected_stream.empty()) out->Add("Nats-Expected-Stream", options.expected_stream);
  if (event.traceparent) out->Add("traceparent", *event.traceparent);
  if (const auto state = event.extensions.find("tracestate"); state != event.extensions.end()) {
    if (const auto* const text = std::get_if<std::string>(&state->second)) out->Add("tracestate", *text);
  }
}

// Headers only where the server knows them.
void Encode(const Event& event, const JetStreamSinkOptions& options, bool headers, PreparedEvent* prepared) {
  HeaderWriter out(&prepared->headers);
  if (headers && options.content_mode == ContentMode::kBinary) {
    auto encoded = EncodeBinary(event);
    prepared->payload = std::move(encoded.payload);
    for (const auto& [name, value] : encoded.headers) out.Add(name, value);
  } else {
    prepared->payload.clear();
    AppendSerialised(prepared->payload, event);
    if (headers) out.Add(kContentTypeHeader, kStructuredContentType);
  }
  if (headers) AddHeaders(event, options, &out);
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

Result<void> PrepareInto(PreparedEvent* prepared, const Event& event, std::string_view subject_template,
                         const JetStreamSinkOptions& options, const Publisher& publisher) {
  JAMMI_TRY(CheckEvent(event));
  JAMMI_ASSIGN(prepared->subject, ResolveSubject(subject_template, event, options.tenant_policy));
  Encode(event, options, publisher.supports_headers(), prepared);
  size_t limit = options.max_event_bytes;
  if (const size_t server = publisher.max_payload(); server > 0) limit = std::min(limit, server);
  if (prepared->Size() <= limit) return {};
  return SinkError(SinkFault::kEventTooLarge,
                   fmt::format("event sink: the event has {} bytes with its headers, and {} are the limit",
                               prepared->Size(), limit));
}

Result<PreparedEvent> Prepare(const Event& event, std::string_view subject_template,
                              const JetStreamSinkOptions& options, const Publisher& publisher) {
  PreparedEvent prepared;
  JAMMI_TRY(PrepareInto(&prepared, event, subject_template, options, publisher));
  return prepared;
}

}  // namespace jammi::events
