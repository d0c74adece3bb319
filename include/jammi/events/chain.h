// The whole chain of sinks that the settings ask for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "jammi/events/metrics.h"
#include "jammi/events/settings.h"
#include "jammi/events/sink.h"
#include "jammi/result.h"

namespace jammi::events {

// What lies at the end of a chain.
enum class PrimarySink : uint8_t {
  kJetStream,
  kNoop,      // as it was asked for
  kFallback,  // nothing is delivered: the server could not be reached at the start
};
[[nodiscard]] std::string_view ToString(PrimarySink primary);  // "jetstream", "noop", "fallback"

// An event is redacted, then signed, then handed to the transport; what the transport does not take goes to
// the dead letters. So no listed value leaves by any way, and what is spilled is what would have been sent:
//
//   Redact( Sign( DeadLetter( Spool( JetStream ) ) ) )   and beside it   Redact( Sign( JsonLines ) )
//
// What is not set is not there. A mirror has no dead letters: replayed, they would reach the stream again.
struct SinkChain {
  std::shared_ptr<EventSink> sink;
  PrimarySink primary = PrimarySink::kJetStream;
  // Parts of it, for who watches them; null where there is none.
  std::shared_ptr<JetStreamSink> jetstream;
  std::shared_ptr<SpoolSink> spool;
  std::shared_ptr<Metrics> metrics;
  std::vector<SinkWarning> warnings;  // all that were logged
};

// Makes the transport of `settings`. Errors: JetStreamSink::Connect()'s.
using Connector = std::function<Result<std::unique_ptr<JetStreamSink>>(const SinkSettings& settings)>;
[[nodiscard]] Result<std::unique_ptr<JetStreamSink>> ConnectJetStream(const SinkSettings& settings);

// Makes the chain, and logs every warning. If the server cannot be reached: with require_jetstream that is
// the error; with a spool the chain connects in the background, and nothing is lost; else events are
// discarded, which is logged as an error. Errors: kConfigError: a strict start with warnings, which are all
// in the message, one a line; kConnectFailed, kTlsError, kAuthFailed, kConfigError: required, and failed;
// those of SpoolSink::Open().
[[nodiscard]] Result<SinkChain> BuildSinkChain(SinkSettings settings,
                                               const Connector& connect = ConnectJetStream);

// Only what lies below the dead letters, for a replay: the transport itself, never the no-op.
// Errors: those of `connect`.
[[nodiscard]] Result<SinkChain> BuildTransport(SinkSettings settings,
                                               const Connector& connect = ConnectJetStream);

}  // namespace jammi::events
